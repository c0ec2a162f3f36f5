//! Approvals on the wire: what is asked and what becomes of it, in the protocol's two shapes.
//!
//! Lists and events have the shape in which it was asked ([`row`]); `approval.*` has the one of the
//! published schema, in which every kind looks alike ([`snapshot`]).

use serde_json::{Value, json};

use super::{
    Fields,
    params::{Misread, Params},
};
use crate::{
    domain::{
        ids::{ApprovalId, Seq},
        principal::Principal,
        refusal::{ApprovalFault, Refusal},
        registry::approvals::{
            Approval, Decision, Kind, Outcome, Presentation, Request, Whole, Withdrawal,
        },
    },
    fronts::ws::limits::APPROVALS_PAGE_MAX,
};

/// What a kind's ids begin with, so that one cannot be taken for another's.
const PLUGIN: &str = "plugin:";

/// An approval's name on the wire.
pub fn name(request: &Request) -> String {
    match request.kind {
        Kind::Exec => request.id.to_string(),
        Kind::Plugin => format!("{PLUGIN}{}", request.id),
    }
}

fn id(text: &str) -> Result<ApprovalId, Misread> {
    let id = ApprovalId::parse(text.strip_prefix(PLUGIN).unwrap_or(text));
    id.ok_or(Misread::Refused(ApprovalFault::Unknown.into()))
}

/// Whose turn it is, where there is somebody.
fn decisions(request: &Request) -> Vec<&'static str> {
    request.offered.iter().map(|decision| decision.name()).collect()
}

/// The detail, and whether it is all of it.
fn detail(presentation: &Presentation) -> Option<String> {
    let detail = presentation.detail.as_ref()?;
    Some(match presentation.whole {
        None => detail.clone(),
        Some(Whole { digest, bytes }) => {
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{detail}\n… cut off here; {bytes} bytes in all, SHA-256 {hex}")
        }
    })
}

/// What was asked, as whoever asks over the wire would have asked it.
fn asked(request: &Request) -> Value {
    let Request { id: _, kind, asker, presentation, offered: _, until: _ } = request;
    let Presentation { tool, title, description, detail: _, whole: _ } = presentation;
    let mut asked = json!({
        "agentId": asker.agent.as_ref().map(ToString::to_string),
        "sessionKey": asker.session.as_ref().map(ToString::to_string),
        "runId": asker.run.as_ref().map(ToString::to_string),
        "allowedDecisions": decisions(request),
    });
    match kind {
        Kind::Exec => {
            asked["command"] = json!(detail(presentation).unwrap_or_else(|| title.clone()));
            asked["warningText"] = json!(description);
        }
        Kind::Plugin => {
            asked["pluginId"] = Value::Null;
            asked["title"] = json!(title);
            asked["description"] = json!(description);
            asked["detail"] = json!(detail(presentation));
            asked["severity"] = json!("warning");
            asked["toolName"] = json!(tool);
        }
    }
    asked
}

/// A row of a list, and what is told when it begins to wait.
pub fn row(approval: &Approval) -> Value {
    let request = &approval.request;
    json!({
        "id": name(request),
        "request": asked(request),
        "createdAtMs": approval.asked.at.0,
        "expiresAtMs": request.until.0,
    })
}

/// What is told when it has ended. Whoever cannot tell more apart reads a `decision`: what ran out
/// or was withdrawn is not allowed.
pub fn resolved(approval: &Approval) -> Option<Value> {
    let (stamp, outcome) = approval.ended.as_ref()?;
    let decision = match outcome {
        Outcome::Decided(decision, _) => *decision,
        Outcome::Expired | Outcome::Withdrawn(_) => Decision::Deny,
    };
    let mut told = json!({
        "id": name(&approval.request),
        "decision": decision.name(),
        "resolvedBy": outcome.by().map(Principal::reference),
        "ts": stamp.at.0,
        "request": asked(&approval.request),
    });
    if outcome.by().is_none() {
        told["terminalStatus"] = json!(outcome.status());
    }
    Some(told)
}

fn presentation(request: &Request) -> Value {
    let Presentation { tool, title, description, detail: _, whole: _ } = &request.presentation;
    let agent = request.asker.agent.as_ref().map(ToString::to_string);
    let detail = detail(&request.presentation);
    let mut shown = match request.kind {
        Kind::Exec => json!({
            "kind": "exec",
            "commandText": detail.unwrap_or_else(|| title.clone()),
            "warningText": description,
            "agentId": agent,
        }),
        Kind::Plugin => {
            let mut shown = json!({
                "kind": "plugin",
                "title": title,
                "description": description,
                "severity": "warning",
                "toolName": tool,
                "agentId": agent,
            });
            if let Some(detail) = detail {
                shown["detail"] = detail.into();
            }
            shown
        }
    };
    shown["allowedDecisions"] = json!(decisions(request));
    shown
}

/// `ApprovalSnapshot` of the schema.
pub fn snapshot(approval: &Approval) -> Value {
    let request = &approval.request;
    let name = name(request);
    let mut told = json!({
        "id": name,
        "urlPath": format!("/approve/{name}"),
        "createdAtMs": approval.asked.at.0,
        "expiresAtMs": request.until.0,
        "presentation": presentation(request),
        "status": "pending",
    });
    let session = request.asker.session.as_ref().map(ToString::to_string);
    let Some((stamp, outcome)) = &approval.ended else {
        if let Some(session) = session {
            told["sourceSessionKey"] = session.into();
        }
        return told;
    };
    told["status"] = json!(outcome.status());
    told["resolvedAtMs"] = json!(stamp.at.0);
    if let Some(agent) = &request.asker.agent {
        told["source"] = json!({"agentId": agent.to_string()});
    }
    told["resolver"] = match outcome.by() {
        Some(Principal::Device(id, _)) => json!({"kind": "device", "id": id.to_string()}),
        Some(by) => json!({"kind": "runtime", "id": by.reference()}),
        None => json!({"kind": "system"}),
    };
    told["reason"] = json!(match outcome {
        Outcome::Decided(..) => "user",
        Outcome::Expired => "timeout",
        Outcome::Withdrawn(Withdrawal::GatewayRestarted) => "gateway-restart",
        Outcome::Withdrawn(Withdrawal::RunEnded | Withdrawal::AgentCrashed) => "run-aborted",
    });
    if let Outcome::Decided(decision, _) = outcome {
        told["decision"] = json!(decision.name());
    }
    told
}

/// `{id}`
pub struct OfApproval {
    /// The approval.
    pub id: ApprovalId,
}

impl Params for OfApproval {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let text = fields.text("id")?;
        fields.end()?;
        Ok(Self { id: id(text)? })
    }
}

/// `{id, decision, kind?}`
pub struct Resolve {
    /// The approval.
    pub id: ApprovalId,
    /// The answer.
    pub decision: Decision,
    /// Of which kind it is to be, where that is asked.
    pub kind: Option<Kind>,
}

impl Resolve {
    /// `{id, decision, reviewer?}`, and `kind` where the method is for all of them.
    fn of(fields: &mut Fields<'_>) -> Result<(ApprovalId, Decision), Misread> {
        let text = fields.text("id")?;
        let decision = fields.text("decision")?;
        let decision = Decision::parse(decision).ok_or(Misread::Said("invalid decision"))?;
        // Somebody in a channel whom the caller vouches for; there are no channels here.
        if fields.optional_object("reviewer")?.is_some() {
            return Err(Misread::Refused(ApprovalFault::Unknown.into()));
        }
        Ok((id(text)?, decision))
    }
}

/// `{id, decision, reviewer?, grantExpiresInDays?}` of the methods of one kind.
pub struct ResolveOne(pub Resolve);

impl Params for ResolveOne {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let (id, decision) = Resolve::of(&mut fields)?;
        fields.end()?;
        Ok(Self(Resolve { id, decision, kind: None }))
    }
}

impl Params for Resolve {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let kind = fields.one_of("kind", &["exec", "plugin", "system-agent"])?;
        let (id, decision) = Self::of(&mut fields)?;
        if fields.optional_integer("grantExpiresInDays", 1)?.is_some() {
            return Err(Misread::Said("standing grants are not offered"));
        }
        fields.end()?;
        let kind = Kind::parse(kind).ok_or(Misread::Refused(ApprovalFault::Unknown.into()))?;
        Ok(Self { id, decision, kind: Some(kind) })
    }
}

/// `{cursor?, limit?, kind?}`
pub struct History {
    /// The record before which the page begins.
    pub before: Option<Seq>,
    /// How many.
    pub limit: usize,
    /// Of which kind; `None` means of any.
    pub kind: Option<Kind>,
    /// Whether it is a kind of which there are none here.
    pub none: bool,
}

impl Params for History {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let cursor = fields.optional_text("cursor")?;
        let limit = fields.optional_integer("limit", 1)?;
        let kind = fields.optional_one_of("kind", &["exec", "plugin", "system-agent"])?;
        let before = cursor
            .map(|text| text.parse().map(Seq))
            .transpose()
            .map_err(|_| Misread::Said("invalid approval.history cursor"))?;
        if limit.is_some_and(|limit| limit > APPROVALS_PAGE_MAX as u64) {
            return Ok(fields.refuse("limit", "must be <= 100")?);
        }
        fields.end()?;
        let limit = limit.map_or(APPROVALS_PAGE_MAX, |limit| limit as usize);
        let none = kind.is_some_and(|kind| Kind::parse(kind).is_none());
        Ok(Self { before, limit, kind: kind.and_then(Kind::parse), none })
    }
}

impl From<ApprovalFault> for Misread {
    fn from(fault: ApprovalFault) -> Self {
        Self::Refused(Refusal::from(fault))
    }
}
