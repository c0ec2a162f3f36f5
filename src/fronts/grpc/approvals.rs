//! `ApprovalService`: lists, shows and decides what waits for a person.

use tonic::{Request, Response};

use super::{
    error::{Failure, invalid, refused},
    page::Page,
    peer,
};
use crate::{
    domain::{
        ids::ApprovalId,
        principal::Principal,
        refusal::{ApprovalFault, Refusal},
        registry::approvals::{Decision, Outcome, Presentation, Request as Asked},
    },
    proto::v1::{
        self, DecideApprovalRequest, DecideApprovalResponse, GetApprovalRequest,
        GetApprovalResponse, ListApprovalsRequest, ListApprovalsResponse,
        ListEndedApprovalsRequest, ListEndedApprovalsResponse,
        approval_service_server::ApprovalService,
    },
    service::{Approval, Service},
};

/// The service behind the contract.
pub(super) struct Front {
    service: Service,
}

impl Front {
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

#[tonic::async_trait]
impl ApprovalService for Front {
    async fn list_approvals(
        &self,
        request: Request<ListApprovalsRequest>,
    ) -> Result<Response<ListApprovalsResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListApprovalsRequest { page_size, page_token } = request.into_inner();
        let rest = ListApprovalsRequest::default();
        let mut page = Page::of("ListApprovals", &rest, page_size, &page_token)?;
        let pending = self.service.pending_approvals(&who).map_err(|refusal| refused(&refusal))?;
        let oldest_first = |approval: &&Approval| approval.asked.seq.0.to_be_bytes().to_vec();
        Ok(Response::new(ListApprovalsResponse {
            approvals: page.take(pending.iter(), oldest_first, row),
            now_ms: pending.now.0,
            next_page_token: page.next(),
        }))
    }

    async fn get_approval(
        &self,
        request: Request<GetApprovalRequest>,
    ) -> Result<Response<GetApprovalResponse>, Failure> {
        let who = peer::standing(&request)?;
        let id = id(&request.get_ref().approval_id)?;
        let now_ms = self.service.pending_approvals(&who).map_err(|refusal| refused(&refusal))?.now;
        let approval = self.service.approval(&who, id).map_err(|refusal| refused(&refusal))?;
        let (approval, now_ms) = (Some(row(&approval)), now_ms.0);
        Ok(Response::new(GetApprovalResponse { approval, now_ms }))
    }

    async fn decide_approval(
        &self,
        request: Request<DecideApprovalRequest>,
    ) -> Result<Response<DecideApprovalResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let DecideApprovalRequest { approval_id, decision } = request.into_inner();
        let id = id(&approval_id)?;
        let decision = Decision::parse(&decision)
            .ok_or_else(|| invalid(format!("no decision: {decision:?}")))?;
        let decided = self.service.decide_approval(&who, via, id, decision).await;
        let approval = Some(row(&decided.map_err(|refusal| refused(&refusal))?));
        Ok(Response::new(DecideApprovalResponse { approval }))
    }

    async fn list_ended_approvals(
        &self,
        request: Request<ListEndedApprovalsRequest>,
    ) -> Result<Response<ListEndedApprovalsResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListEndedApprovalsRequest { page_size, page_token } = request.into_inner();
        let rest = ListEndedApprovalsRequest::default();
        let mut page = Page::of("ListEndedApprovals", &rest, page_size, &page_token)?;
        let ended = self.service.ended_approvals(&who, None, usize::MAX, None);
        let ended = ended.map_err(|refusal| refused(&refusal))?;
        let now_ms = self.service.pending_approvals(&who).map_err(|refusal| refused(&refusal))?.now;
        // Pages go on upwards, and what ended last comes first.
        let last_first = |approval: &&Approval| {
            let seq = approval.ended.as_ref().map(|(stamp, _)| stamp.seq.0).unwrap_or_default();
            (u64::MAX - seq).to_be_bytes().to_vec()
        };
        Ok(Response::new(ListEndedApprovalsResponse {
            approvals: page.take(ended.approvals.iter(), last_first, row),
            now_ms: now_ms.0,
            next_page_token: page.next(),
        }))
    }
}

fn id(text: &str) -> Result<ApprovalId, Failure> {
    let unknown = || refused(&Refusal::from(ApprovalFault::Unknown));
    ApprovalId::parse(text).ok_or_else(unknown)
}

fn row(approval: &Approval) -> v1::Approval {
    let Approval { request, asked, ended } = approval;
    let Asked { id, kind, asker, presentation, offered, until } = request;
    let Presentation { tool, title, description, detail, whole } = presentation.clone();
    v1::Approval {
        approval_id: id.to_string(),
        kind: kind.name().into(),
        agent: asker.agent.as_ref().map(ToString::to_string),
        session: asker.session.as_ref().map(ToString::to_string),
        run: asker.run.as_ref().map(ToString::to_string),
        tool,
        title,
        description,
        detail,
        whole_sha256: whole.map(|whole| whole.digest.to_vec()),
        whole_bytes: whole.map(|whole| whole.bytes),
        offered: offered.iter().map(|decision| decision.name().to_owned()).collect(),
        at_ms: asked.at.0,
        seq: asked.seq.0,
        until_ms: until.0,
        end: ended.as_ref().map(|(stamp, outcome)| v1::ApprovalEnd {
            status: outcome.status().into(),
            decision: match outcome {
                Outcome::Decided(decision, _) => Some(decision.name().into()),
                Outcome::Expired | Outcome::Withdrawn(_) => None,
            },
            by: outcome.by().map(Principal::reference),
            why: match outcome {
                Outcome::Withdrawn(why) => Some(why.name().into()),
                Outcome::Expired | Outcome::Decided(..) => None,
            },
            at_ms: stamp.at.0,
            seq: stamp.seq.0,
        }),
    }
}
