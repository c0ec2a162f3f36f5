//! What chat completions and responses have in common: who may, whom they mean, how it begins.
//!
//! Who may is asked before the body is read, and again before anybody is asked to answer it: a body
//! may take a while. A `model` names an agent. Without a session key or a `user`, a call stands
//! alone and nothing of it is kept; with one, it is a turn of that session. The work ends when its
//! client goes away, and when what the client stands on is taken away.
//!
//! Start with [`begin`]; [`fields`] reads what both APIs say in the same way.

pub mod fields;

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderMap, web};
use serde::de::DeserializeOwned;

use super::{auth, body, error, hearing::Hearing, limits};
use crate::{
    domain::{
        principal::Standing,
        refusal::Refusal,
        registry::session::Session,
        talk::{
            AgentId, Author, Message, Part, RunId, Sampling, SessionKey, SessionKeyFault, Target,
            Tool, ToolChoice,
        },
    },
    service::{Asked, Question, Saying, Sent, Service},
    support::entropy,
};

/// What was read, or what is wrong with it, for people.
pub type Read<T> = Result<T, String>;

/// What is asked of an agent.
pub struct Asking {
    /// The `model`, if one was named.
    pub model: Option<String>,
    /// Whose conversation it is.
    pub user: Option<String>,
    /// What was said, oldest first.
    pub messages: Vec<Message>,
    /// The client's tools.
    pub tools: Vec<Tool>,
    /// Whether to call one.
    pub tool_choice: ToolChoice,
    /// How to choose words.
    pub sampling: Sampling,
}

/// Reads a call to `path` and has an agent begin with it. `read` gives what is asked, and what the
/// answer has to know besides.
///
/// # Errors
/// The answer, if it comes to nothing.
pub async fn begin<W: DeserializeOwned, T>(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
    path: &str,
    read: impl FnOnce(W, &HeaderMap) -> Read<(Asking, T)>,
) -> Result<(Hearing, T), HttpResponse> {
    let session = auth::enter(request, service).await?;
    let refused = |refusal| auth::denied(request, service, &session, path, &refusal);
    service.may_complete(&session.standing).map_err(refused)?;
    let wire: W = body::json(request, payload, limits::COMPLETION_BYTES_MAX).await?;
    let read = read(wire, request.headers())
        .and_then(|(asking, rest)| Ok((kind(asking, request.headers(), service)?, rest)));
    let (kind, rest) = read.map_err(|fault| error::invalid(&fault))?;
    // A body may take a while, and the grant may have changed meanwhile.
    let standing = service.reassess(&session).map_err(refused)?;
    let asked = ask(service, &standing, kind).await.map_err(refused)?;
    let now = Session { standing, ..session.clone() };
    Ok((Hearing::new(asked, now, service.clone()), rest))
}

/// The two kinds of calls.
enum Kind {
    /// Nothing of it is kept.
    Alone(Question),
    /// A turn of a session.
    InSession(Saying),
}

async fn ask(service: &Service, who: &Standing, kind: Kind) -> Result<Asked, Refusal> {
    match kind {
        Kind::Alone(question) => service.ask(who, question),
        Kind::InSession(saying) => match service.send(who, saying).await? {
            Sent::Begun { run, .. } | Sent::Known(Some(run), _) => Ok(Asked::alone(&run)),
            Sent::Known(None, _) => Err(Refusal::UnknownRun),
        },
    }
}

fn kind(asking: Asking, headers: &HeaderMap, service: &Service) -> Read<Kind> {
    let Asking { model: named, user, messages, tools, tool_choice, sampling } = asking;
    let target = target(named.as_deref(), headers, service)?;
    let model = header(headers, "x-openclaw-model")?;
    let Some(session) = session_key(headers, user.as_deref(), &target, service)? else {
        let question = Question { target, messages, model, tools, tool_choice, sampling };
        return Ok(Kind::Alone(question));
    };
    let run = RunId::parse(&entropy::uuid().to_string()).ok_or("no run")?;
    let (instructions, said) = turn(messages);
    let plain = Saying::plain(session, run, vec![]);
    let saying = Saying { said, instructions, model, tools, tool_choice, sampling, ..plain };
    Ok(Kind::InSession(saying))
}

/// Whom a call means: by header, by `model`, or by the channel that it comes from.
///
/// # Errors
/// If it cannot be anybody.
pub fn target(model: Option<&str>, headers: &HeaderMap, service: &Service) -> Read<Target> {
    let channel = header(headers, "x-openclaw-message-channel")?;
    let target = match header(headers, "x-openclaw-agent-id")? {
        Some(id) => {
            Target::Agent(AgentId::parse(&id).ok_or_else(|| format!("Unknown agent '{id}'."))?)
        }
        None => Target::parse(model.unwrap_or("openclaw"))
            .map_err(|_| "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.".to_owned())?,
    };
    let bound = channel.and_then(|channel| service.routed(&channel));
    Ok(match (target, bound) {
        (Target::Default, Some(agent)) => Target::Agent(agent),
        (target, _) => target,
    })
}

/// A header's text, if there is any.
///
/// # Errors
/// If it is no text.
pub fn header(headers: &HeaderMap, name: &str) -> Read<Option<String>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| format!("`{name}` is not text."))?.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The session that is meant: by its key, or by the `user`, which stands for a conversation.
fn session_key(
    headers: &HeaderMap,
    user: Option<&str>,
    target: &Target,
    service: &Service,
) -> Read<Option<SessionKey>> {
    let agent = match target {
        Target::Agent(id) => Some(id),
        Target::Default => None,
    };
    let key = match (header(headers, "x-openclaw-session-key")?, user.map(str::trim)) {
        (Some(key), _) => key,
        (None, Some(user)) if !user.is_empty() => format!("openai-user:{user}"),
        (None, _) => return Ok(None),
    };
    service.session_key(&key, agent).map(Some).map_err(|fault| match fault {
        SessionKeyFault::Malformed => "Invalid session key.".into(),
        SessionKeyFault::Reserved => {
            "`x-openclaw-session-key` cannot use reserved internal session namespaces.".into()
        }
    })
}

/// The new part of a conversation: what follows the last answer. What came before it is in the
/// session already. Instructions go with the turn.
fn turn(messages: Vec<Message>) -> (Option<String>, Vec<Message>) {
    let (system, spoken): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.author == Author::System);
    let words: Vec<_> =
        system.iter().map(Message::words).filter(|words| !words.is_empty()).collect();
    let last = spoken.iter().rposition(|message| message.author == Author::Assistant);
    // A result belongs to the call before it, which a client's own tool loop brings along.
    let keeps_call = last.is_some_and(|at| {
        let calls = spoken[at].parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        calls && spoken.get(at + 1).is_some_and(|next| next.author == Author::Tool)
    });
    let from = last.map_or(0, |at| if keeps_call { at } else { at + 1 });
    let instructions = (!words.is_empty()).then(|| words.join("\n\n"));
    // A call that is in the session's transcript is not said again.
    let from = if keeps_call { from + 1 } else { from };
    (instructions, spoken[from..].to_vec())
}
