//! `POST /v1/chat/completions`: OpenAI's chat API in front of the agents. docs/PROTOCOL.md (h).
//!
//! Who may is asked before the body is read, and again before anybody is asked to answer it: a body
//! may take a while. A `model` names an agent. Without a session key or a `user`, a call stands
//! alone and nothing of it is kept; with one, it is a turn of that session. The work ends when its
//! client goes away, and when what the client stands on is taken away.
//!
//! Start with [`request`], what can be asked; [`stream`] and [`whole`] are the two ways to answer.

mod request;
mod stream;
mod whole;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{auth, body, error, limits};
use crate::{
    domain::{principal::Standing, refusal::Refusal, registry::session::Session},
    service::{Asked, Sent, Service},
    support::{clock, entropy},
};
use request::{Completion, Kind};

/// The path.
pub const PATH: &str = "/v1/chat/completions";

/// Answers.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> HttpResponse {
    run(request, payload, service).await.unwrap_or_else(|no| no)
}

/// What an answer says of itself.
struct Named {
    id: String,
    model: String,
    created: u64,
}

async fn run(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<HttpResponse, HttpResponse> {
    let session = auth::enter(request, service).await?;
    let refused = |refusal| auth::denied(request, service, &session, PATH, &refusal);
    service.may_complete(&session.standing).map_err(refused)?;
    let wire: request::Wire = body::json(request, payload, limits::COMPLETION_BYTES_MAX).await?;
    let completion = request::read(wire, request.headers(), service);
    let completion = completion.map_err(|fault| error::invalid(&fault))?;
    // A body may take a while, and the grant may have changed meanwhile.
    let standing = service.reassess(&session).map_err(refused)?;
    let named = Named {
        id: format!("chatcmpl_{}", entropy::uuid()),
        model: completion.model.clone(),
        created: clock::unix_millis() / 1000,
    };
    let (streams, with_usage) = (completion.stream, completion.with_usage);
    let now = Session { standing, ..session.clone() };
    let asked = begin(service, &now.standing, completion).await.map_err(refused)?;
    Ok(match streams {
        true => stream::answer(asked, now, service.clone(), named, with_usage).await,
        false => whole::answer(asked, now, service.clone(), named).await,
    })
}

/// Has the agent begin.
async fn begin(
    service: &Service,
    who: &Standing,
    Completion { kind, .. }: Completion,
) -> Result<Asked, Refusal> {
    match kind {
        Kind::Alone(question) => service.ask(who, question),
        Kind::InSession(saying) => match service.send(who, saying).await? {
            Sent::Begun { run, .. } | Sent::Known(Some(run), _) => Ok(Asked::alone(&run)),
            Sent::Known(None, _) => Err(Refusal::UnknownRun),
        },
    }
}
