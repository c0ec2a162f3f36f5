//! Approvals over the wire: `approval.*`, `exec.approval.*`, `plugin.approval.*`.

use serde_json::{Value, json};

use super::{bad_params, read};
use crate::{
    domain::{
        refusal::{ApprovalFault, Refusal},
        registry::approvals::Kind,
    },
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{
            self,
            approvals::{self, History, OfApproval, Resolve, ResolveOne},
        },
    },
};

/// `exec.approval.list {}`: the last asked first.
pub fn exec_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    list(call, out, Some(Kind::Exec))
}

/// `plugin.approval.list {}`
pub fn plugin_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    list(call, out, Some(Kind::Plugin))
}

/// `openclaw.approval.list {}`: of the real gateway's own agent, which this one has not.
pub fn system_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    list(call, out, None)
}

fn list(call: &Call<'_>, out: &mut String, kind: Option<Kind>) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let pending = call.service.pending_approvals(call.standing);
    let pending = pending.map_err(|refusal| of_call(&refusal))?;
    let of_kind = pending.iter().filter(|approval| Some(approval.request.kind) == kind);
    let mut rows: Vec<_> = of_kind.map(approvals::row).collect();
    rows.reverse();
    out.push_str(&Value::from(rows).to_string());
    Ok(())
}

/// `exec.approval.get {id}`: one that waits.
pub fn exec_get(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let OfApproval { id } = read(call)?;
    let approval = call.service.approval(call.standing, id).map_err(|refusal| of_call(&refusal))?;
    if approval.ended.is_some() || approval.request.kind != Kind::Exec {
        return Err(of_call(&ApprovalFault::Unknown.into()));
    }
    let mut told = approvals::snapshot(&approval)["presentation"].take();
    told["id"] = approvals::name(&approval.request).into();
    told["expiresAtMs"] = approval.request.until.0.into();
    out.push_str(&told.to_string());
    Ok(())
}

/// `exec.approval.resolve {id, decision}`
pub fn exec_resolve(call: &Call<'_>) -> Result<Answer, Fault> {
    resolve_one(call, Kind::Exec)
}

/// `plugin.approval.resolve {id, decision}`
pub fn plugin_resolve(call: &Call<'_>) -> Result<Answer, Fault> {
    resolve_one(call, Kind::Plugin)
}

fn resolve_one(call: &Call<'_>, kind: Kind) -> Result<Answer, Fault> {
    let ResolveOne(resolve) = read(call)?;
    let resolving = resolving(call, Resolve { kind: Some(kind), ..resolve });
    Ok(Box::pin(async move {
        resolving.await.map_err(|refusal| of_call(&refusal))?;
        Ok(json!({"ok": true}).to_string())
    }))
}

/// `approval.get {id}`
pub fn get(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let OfApproval { id } = read(call)?;
    let approval = call.service.approval(call.standing, id).map_err(|refusal| of_call(&refusal))?;
    out.push_str(&json!({"approval": approvals::snapshot(&approval)}).to_string());
    Ok(())
}

/// `approval.resolve {id, kind, decision}`: whoever comes second is shown what was decided.
pub fn resolve(call: &Call<'_>) -> Result<Answer, Fault> {
    let resolve: Resolve = read(call)?;
    let (service, standing, id) = (call.service.clone(), call.standing.clone(), resolve.id);
    let resolving = resolving(call, resolve);
    Ok(Box::pin(async move {
        let resolved = resolving.await;
        let applied = resolved.is_ok();
        let approval = match resolved {
            Err(Refusal::Approval(ApprovalFault::Closed { .. })) => service.approval(&standing, id),
            resolved => resolved,
        };
        let approval = approval.map_err(|refusal| of_call(&refusal))?;
        if approval.ended.is_none() {
            // Its time is up, and nobody has written that down yet.
            return Err(of_call(&ApprovalFault::Unknown.into()));
        }
        let approval = approvals::snapshot(&approval);
        Ok(json!({"applied": applied, "approval": approval}).to_string())
    }))
}

/// Decides one of this kind.
fn resolving(
    call: &Call<'_>,
    Resolve { id, decision, kind }: Resolve,
) -> impl Future<Output = Result<crate::service::Approval, Refusal>> + 'static {
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    async move {
        let known = service.approval(&standing, id)?;
        if kind.is_some_and(|kind| kind != known.request.kind) {
            return Err(ApprovalFault::Unknown.into());
        }
        service.decide_approval(&standing, via, id, decision).await
    }
}

/// `approval.history {cursor?, limit?, kind?}`: the last that ended first.
pub fn history(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let History { before, limit, kind, none } = read(call)?;
    let limit = if none { 0 } else { limit };
    let ended = call.service.ended_approvals(call.standing, before, limit, kind);
    let ended = ended.map_err(|refusal| of_call(&refusal))?;
    let items: Vec<_> = ended.approvals.iter().map(approvals::snapshot).collect();
    let mut page = json!({"items": items});
    if let Some(next) = ended.next {
        page["nextCursor"] = next.to_string().into();
    }
    out.push_str(&page.to_string());
    Ok(())
}
