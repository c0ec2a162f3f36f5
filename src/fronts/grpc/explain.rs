//! `ExplainService`: why someone may do something, or not.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, refused},
    peer, read,
    record::principal,
};
use crate::{
    domain::{
        operation::Requirement,
        origin::Locality,
        permit::Reach,
        principal::{Standing, Subject},
        registry::explain::Explanation,
    },
    proto::v1::{
        self, ExplainRequest, ExplainResponse, Grantor, explain_request,
        explain_service_server::ExplainService,
    },
    service::{Action, Asker, Explained, Service},
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
impl ExplainService for Front {
    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ExplainRequest { action, subject } = request.into_inner();
        let (name, action) = match action {
            Some(explain_request::Action::Method(name)) => (name.clone(), Action::Method(name)),
            Some(explain_request::Action::Operation(name)) => {
                (name.clone(), Action::Operation(name))
            }
            None => return Err(invalid("method or operation must be given")),
        };
        let other = subject.map(read_asker).transpose()?;
        let explained = self.service.explain(&who, &action, other);
        Ok(Response::new(told(name, explained.map_err(|refusal| refused(&refusal))?)))
    }
}

fn read_asker(subject: explain_request::Subject) -> Result<Asker, Failure> {
    use explain_request::Subject as Given;
    let mut locality = Locality::Elsewhere;
    let subject = match subject {
        Given::Device(device) => read::device_in_role(&device)?,
        Given::TokenId(id) => Subject::Token(read::token_id(&id)?),
        Given::SharedSecret(client) => {
            if client.local {
                locality = Locality::DirectLoopback;
            }
            Subject::SharedSecret
        }
    };
    Ok(Asker { subject, locality })
}

fn told(action: String, explained: Explained) -> ExplainResponse {
    let Explained { served, standing, name, explanation, grantors } = explained;
    let Standing { principal: who, role, scopes, grant } = standing;
    let Explanation { requirement, ceiling, held_back, verdict, grantors: _, why, remedy } =
        explanation;
    let grantors = grantors.iter().map(|(standing, name)| Grantor {
        principal: Some(principal(&standing.principal)),
        name: name.clone(),
    });
    let refusal = verdict.as_ref().err();
    ExplainResponse {
        action,
        requirement: kind(requirement).into(),
        required: Some(convert::scopes(&requirement.scopes())),
        served,
        subject: Some(principal(&who)),
        subject_name: name,
        role: convert::role(role).into(),
        holds: Some(convert::scopes(&scopes)),
        grant_seq: grant.0,
        held_back: ceiling.is_some().then(|| convert::scopes(&held_back)),
        ceiling,
        allowed: verdict.is_ok(),
        only_own: matches!(verdict, Ok(Reach::Own(_))),
        why,
        code: refusal.map(|refusal| refusal.code().to_owned()),
        missing: refusal.map(|refusal| refusal.missing()),
        grantors: grantors.collect(),
        remedy,
    }
}

fn kind(requirement: Requirement) -> v1::Requirement {
    match requirement {
        Requirement::Scope(_) => v1::Requirement::Scope,
        Requirement::ScopeOrNode(_) => v1::Requirement::ScopeOrNode,
        Requirement::ScopeOrOwn(_) => v1::Requirement::ScopeOrOwn,
        Requirement::Node => v1::Requirement::Node,
        Requirement::Dynamic => v1::Requirement::Dynamic,
        Requirement::DeviceKey => v1::Requirement::DeviceKey,
        Requirement::Anyone => v1::Requirement::Anyone,
        Requirement::Root => v1::Requirement::Host,
    }
}
