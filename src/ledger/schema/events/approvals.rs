//! The bodies of the events about approvals.

use bincode::{Decode, Encode};

use super::{APPROVAL_DECIDED, APPROVAL_EXPIRED, APPROVAL_REQUESTED, APPROVAL_WITHDRAWN};
use crate::{
    domain::{
        ids::ApprovalId,
        registry::approvals::{Asker, Event, Presentation, Request, Whole},
        talk::{AgentId, RunId, SessionKey},
        time::UnixMillis,
    },
    ledger::{
        codec::{self, CodecError},
        schema::v1::{ApprovalKind, Decision, Principal, Withdrawal},
    },
};

#[derive(Encode, Decode)]
pub(in crate::ledger::schema) struct ApprovalRequested {
    id: [u8; 16],
    kind: ApprovalKind,
    agent: Option<String>,
    session: Option<String>,
    run: Option<String>,
    tool: Option<String>,
    title: String,
    description: String,
    detail: Option<String>,
    whole: Option<([u8; 32], u64)>,
    offered: Vec<Decision>,
    until: u64,
}

#[derive(Encode, Decode)]
struct ApprovalDecided {
    id: [u8; 16],
    decision: Decision,
    by: Principal,
}

#[derive(Encode, Decode)]
struct ApprovalExpired {
    id: [u8; 16],
}

#[derive(Encode, Decode)]
struct ApprovalWithdrawn {
    id: [u8; 16],
    why: Withdrawal,
}

impl From<&Request> for ApprovalRequested {
    fn from(request: &Request) -> Self {
        let Request { id, kind, asker, presentation, offered, until } = request;
        let Asker { agent, session, run } = asker;
        let Presentation { tool, title, description, detail, whole } = presentation.clone();
        Self {
            id: id.0,
            kind: (*kind).into(),
            agent: agent.as_ref().map(|agent| agent.as_str().to_owned()),
            session: session.as_ref().map(|session| session.as_str().to_owned()),
            run: run.as_ref().map(|run| run.as_str().to_owned()),
            tool,
            title,
            description,
            detail,
            whole: whole.map(|Whole { digest, bytes }| (digest, bytes)),
            offered: offered.iter().map(|decision| (*decision).into()).collect(),
            until: until.0,
        }
    }
}

impl TryFrom<ApprovalRequested> for Request {
    type Error = CodecError;

    fn try_from(value: ApprovalRequested) -> Result<Self, CodecError> {
        let ApprovalRequested {
            id,
            kind,
            agent,
            session,
            run,
            tool,
            title,
            description,
            detail,
            whole,
            offered,
            until,
        } = value;
        let asker = Asker {
            agent: named(agent, AgentId::parse)?,
            session: named(session, SessionKey::stored)?,
            run: named(run, RunId::parse)?,
        };
        let whole = whole.map(|(digest, bytes)| Whole { digest, bytes });
        Ok(Self {
            id: ApprovalId(id),
            kind: kind.into(),
            asker,
            presentation: Presentation { tool, title, description, detail, whole },
            offered: offered.into_iter().map(Into::into).collect(),
            until: UnixMillis(until),
        })
    }
}

fn named<T>(text: Option<String>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, CodecError> {
    let malformed = || CodecError::Malformed("an approval of nobody".into());
    text.map(|text| parse(&text).ok_or_else(malformed)).transpose()
}

/// The kind under which an event is written.
pub(super) fn kind(event: &Event) -> u16 {
    match event {
        Event::Requested(_) => APPROVAL_REQUESTED,
        Event::Decided { .. } => APPROVAL_DECIDED,
        Event::Expired { .. } => APPROVAL_EXPIRED,
        Event::Withdrawn { .. } => APPROVAL_WITHDRAWN,
    }
}

/// Appends the body.
pub(super) fn put(event: &Event, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match event {
        Event::Requested(request) => codec::put(&ApprovalRequested::from(&**request), out),
        Event::Decided { id, decision, by } => {
            let (decision, by) = ((*decision).into(), by.into());
            codec::put(&ApprovalDecided { id: id.0, decision, by }, out)
        }
        Event::Expired { id } => codec::put(&ApprovalExpired { id: id.0 }, out),
        Event::Withdrawn { id, why } => {
            codec::put(&ApprovalWithdrawn { id: id.0, why: (*why).into() }, out)
        }
    }
}

/// The event with this body.
pub(super) fn take(kind: u16, body: &[u8]) -> Result<Event, CodecError> {
    Ok(match kind {
        APPROVAL_REQUESTED => {
            Event::Requested(Box::new(codec::take_all::<ApprovalRequested>(body)?.try_into()?))
        }
        APPROVAL_DECIDED => {
            let ApprovalDecided { id, decision, by } = codec::take_all(body)?;
            let (decision, by) = (decision.into(), by.into());
            Event::Decided { id: ApprovalId(id), decision, by }
        }
        APPROVAL_EXPIRED => {
            let ApprovalExpired { id } = codec::take_all(body)?;
            Event::Expired { id: ApprovalId(id) }
        }
        APPROVAL_WITHDRAWN => {
            let ApprovalWithdrawn { id, why } = codec::take_all(body)?;
            Event::Withdrawn { id: ApprovalId(id), why: why.into() }
        }
        _ => return Err(CodecError::UnknownEvent { kind, version: 1 }),
    })
}
