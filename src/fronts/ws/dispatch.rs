//! From a request to its method: gate 1, parameters, handler, answer.

use std::rc::Rc;

use bytestring::ByteString;
use futures_util::future::LocalBoxFuture;

use super::{
    dialogue::Talk,
    error::{self, Fault},
    frame::{self, Request},
    subscriptions::Subscriptions,
    throttle::Verdict,
};
use crate::{
    domain::{operation::Operation, permit, principal::Standing, refusal::Refusal},
    service::{
        Attribution, Service, Transport, Via,
        conn::{Farewell, Step, TwoFrames},
    },
    telemetry::metrics::{self, Outcome},
};

/// One method of the catalogue.
pub struct Method {
    /// The wire name.
    pub name: &'static str,
    /// What it is.
    pub operation: Operation,
    /// How it is served.
    pub(super) serve: Serve,
}

/// Writes the payload of an answer at once.
pub(super) type Now = fn(&Call<'_>, &mut String) -> Result<(), Fault>;

/// Gives the payload of an answer after something was made durable.
pub(super) type Later = fn(&Call<'_>) -> Result<Answer, Fault>;

/// A payload on its way.
pub(super) type Answer = LocalBoxFuture<'static, Result<String, Fault>>;

/// Gives two payloads, the second when what the first told of is over.
pub(super) type Twice = fn(&Call<'_>) -> Result<TwoAnswers, Fault>;

/// The first payload on its way, and with it the second.
pub(super) type TwoAnswers = LocalBoxFuture<'static, Result<(String, Option<Answer>), Fault>>;

/// How a method is served.
pub(super) enum Serve {
    /// At once, from what is in memory.
    Now(Now),
    /// After a while.
    Later(Later),
    /// When someone else has decided. Nothing of it is in progress meanwhile.
    Wait(Later),
    /// After a while, and then once more when it is over.
    Twice(Twice),
}

/// One call.
pub(super) struct Call<'a> {
    pub service: &'a Service,
    pub standing: &'a Standing,
    pub method: &'static str,
    pub params: Option<&'a str>,
    pub via: &'a dyn Fn() -> Via,
    pub attribution: &'a Attribution,
    pub subscriptions: &'a Subscriptions,
}

/// Calls a method.
pub(super) fn call(
    talk: &Talk,
    standing: &Standing,
    method: &'static Method,
    request: &Request<'_>,
    busy: bool,
) -> Step {
    if let Err(refusal) = permit::check(standing, method.operation) {
        talk.service.note_denied(standing, method.name, refusal.code(), &via(talk, request));
        return unauthorized(talk, method, request, &refusal);
    }
    let via = || via(talk, request);
    let (service, params) = (&talk.service, request.params);
    let attribution = &talk.arrival.attribution;
    let subscriptions = &talk.subscriptions;
    let method_name = method.name;
    let call = Call {
        service,
        standing,
        method: method_name,
        params,
        via: &via,
        attribution,
        subscriptions,
    };
    match method.serve {
        Serve::Now(serve) => Step::Answer(now(serve, &call, request.id)),
        Serve::Later(_) | Serve::Wait(_) | Serve::Twice(_) if busy => {
            Step::Answer(refused(request.id, &error::too_many_in_flight()))
        }
        Serve::Later(serve) => match serve(&call) {
            Ok(answer) => Step::Later(later(answer, request.id)),
            Err(fault) => Step::Answer(refused(request.id, &fault)),
        },
        Serve::Twice(serve) => match serve(&call) {
            Ok(answers) => Step::Twice(twice(answers, request.id)),
            Err(fault) => Step::Answer(refused(request.id, &fault)),
        },
        Serve::Wait(serve) => match serve(&call) {
            Ok(answer) => Step::Wait(later(answer, request.id)),
            Err(fault) => Step::Answer(refused(request.id, &fault)),
        },
    }
}

/// Answers a client that called what it has no right to. docs/PROTOCOL.md (d2).
fn unauthorized(
    talk: &Talk,
    method: &'static Method,
    request: &Request<'_>,
    refusal: &Refusal,
) -> Step {
    let verdict = talk.unauthorized.borrow_mut().note(method.name, &talk.id, refusal.code());
    let frame = |fault: &Fault| refused(request.id, fault);
    match verdict {
        Verdict::Refuse => Step::Answer(frame(&error::of_call(refusal))),
        Verdict::Wait { retry_after_ms } => {
            Step::Answer(frame(&error::of_call(&Refusal::Throttled { retry_after_ms })))
        }
        Verdict::Close => Step::End(Farewell {
            frame: Some(frame(&error::of_call(refusal))),
            code: 1008,
            reason: String::from("repeated unauthorized calls"),
        }),
    }
}

fn now(serve: Now, call: &Call<'_>, id: &str) -> ByteString {
    let mut out = String::with_capacity(256);
    frame::open_answer(&mut out, id);
    match serve(call, &mut out) {
        Ok(()) => answered(out),
        Err(fault) => refused(id, &fault),
    }
}

fn later(answer: Answer, id: &str) -> LocalBoxFuture<'static, ByteString> {
    let id: Rc<str> = id.into();
    Box::pin(async move {
        match answer.await {
            Ok(payload) => {
                let mut out = String::with_capacity(payload.len() + 80);
                frame::open_answer(&mut out, &id);
                out.push_str(&payload);
                answered(out)
            }
            Err(fault) => refused(&id, &fault),
        }
    })
}

/// Both answers go under the one id. docs/PROTOCOL.md, fact 10.
fn twice(answers: TwoAnswers, id: &str) -> LocalBoxFuture<'static, TwoFrames> {
    let id: Rc<str> = id.into();
    Box::pin(async move {
        match answers.await {
            Ok((first, second)) => {
                let first = later(Box::pin(async move { Ok(first) }), &id).await;
                (first, second.map(|second| later(second, &id)))
            }
            Err(fault) => (refused(&id, &fault), None),
        }
    })
}

fn answered(mut out: String) -> ByteString {
    metrics::called("websocket", Outcome::Ok);
    frame::close_answer(&mut out);
    out.into()
}

/// An answer that says no; one whose cause is the gateway's own counts as such.
pub(super) fn refused(id: &str, fault: &Fault) -> ByteString {
    let ours = fault.code == "UNAVAILABLE";
    let outcome = if ours { Outcome::ServerError } else { Outcome::ClientError };
    metrics::called("websocket", outcome);
    frame::refusal(id, fault).into()
}

fn via(talk: &Talk, request: &Request<'_>) -> Via {
    let attribution = &talk.arrival.attribution;
    Via {
        transport: Transport::WebSocket,
        address: attribution.address.map(|address| address.to_string()),
        locality: attribution.locality,
        connection: Some(talk.id.clone()),
        request: Some(request.id_text()),
    }
}
