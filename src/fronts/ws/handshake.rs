//! The handshake: connect parameters in, `hello-ok` or a refusal out. docs/PROTOCOL.md (b), (d1).

use std::{cell::RefCell, rc::Rc};

use bytestring::ByteString;

use super::{
    dialogue::{Talk, message_bytes_max},
    error,
    frame::{self, Request},
    hello, limits,
    wire::{ConnectParams, read_connect},
};
use crate::{
    domain::{
        principal::Standing,
        registry::{Profile, session::Session},
        scope::Role,
        time::UnixMillis,
    },
    service::{
        Challenge, Connect, Entered, Outcome, Presence, Service,
        conn::{Entry, Farewell, Step},
    },
    support::clock,
};

/// Where the handshake leaves what the conversation will stand on.
#[derive(Clone, Default)]
pub struct Slot(Rc<RefCell<Option<Session>>>);

impl Slot {
    fn put(&self, session: Session) {
        *self.0.borrow_mut() = Some(session);
    }

    /// Takes it out.
    pub fn take(&self) -> Option<Session> {
        self.0.borrow_mut().take()
    }
}

/// What is needed to say hello once the client is let in.
struct Greeting {
    id: String,
    service: Service,
    connection: String,
    address: Option<String>,
    instance_id: Option<String>,
    scopes: Vec<String>,
    profile: Profile,
    slot: Slot,
}

/// Answers a connect request.
pub fn connect(talk: &Talk, challenge: Challenge, request: &Request<'_>, slot: Slot) -> Step {
    let params = match read_connect(request.params) {
        Ok(params) => params,
        Err(fault) => {
            let message = format!("invalid connect params: {fault}");
            return refuse(request.id, &error::invalid(&message), 1008, message.clone());
        }
    };
    if params.profile.client_id == "openclaw-worker"
        || params.profile.client_mode == "worker"
        || params.role == Err(String::from("worker"))
    {
        let reason = String::from("invalid-handshake");
        return Step::End(Farewell { frame: None, code: 1008, reason });
    }
    if let Err(mismatch) = check_protocol(&params) {
        return refuse(request.id, &mismatch, 1002, mismatch.message.clone());
    }
    let Ok(role) = params.role else {
        return refuse(request.id, &error::invalid("invalid role"), 1008, "invalid role".into());
    };
    let greeting = Greeting {
        id: request.id.to_owned(),
        service: talk.service.clone(),
        connection: talk.id.clone(),
        address: talk.arrival.attribution.address.map(|address| address.to_string()),
        instance_id: params.instance_id.clone(),
        scopes: params.scopes.clone(),
        profile: params.profile.clone(),
        slot,
    };
    match talk.service.connect(to_connect(talk, challenge, request, params, role)) {
        Err(refusal) => Step::End(greeting.refused(&refusal)),
        Ok(Outcome::Entered(entered)) => Step::Enter(Box::new(greeting.hello(*entered))),
        Ok(Outcome::Later(outcome)) => Step::EnterLater(Box::pin(async move {
            match outcome.await {
                Ok(entered) => Ok(Box::new(greeting.hello(entered))),
                Err(refusal) => Err(greeting.refused(&refusal)),
            }
        })),
    }
}

fn to_connect(
    talk: &Talk,
    challenge: Challenge,
    request: &Request<'_>,
    params: ConnectParams,
    role: Role,
) -> Connect {
    let attribution = &talk.arrival.attribution;
    let claims_console = params.profile.client_id == "openclaw-control-ui";
    Connect {
        role,
        scopes: params.scopes,
        scope_set: params.scope_set,
        profile: params.profile,
        device: params.device,
        auth: params.auth,
        challenge,
        origin: talk.arrival.origin.clone(),
        host: talk.arrival.host.clone(),
        claims_console,
        address: attribution.address,
        forgeable: attribution.is_forgeable(),
        locality: attribution.locality,
        person: talk.arrival.person.clone(),
        cap: talk.arrival.cap.clone(),
        connection: talk.id.clone(),
        request: request.id_text(),
    }
}

/// Operators must include the current version in their range; nodes and probes may be one behind.
fn check_protocol(params: &ConnectParams) -> Result<(), error::Fault> {
    let may_be_older = params.role == Ok(Role::Node) || params.profile.client_mode == "probe";
    let oldest = if may_be_older { limits::PROTOCOL_PROBE_MIN } else { limits::PROTOCOL };
    if params.min_protocol <= limits::PROTOCOL && params.max_protocol >= oldest {
        return Ok(());
    }
    let mut mismatch = error::invalid("protocol mismatch");
    mismatch.details = Some(serde_json::json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": params.min_protocol,
        "clientMaxProtocol": params.max_protocol,
        "expectedProtocol": limits::PROTOCOL,
        "minimumProbeProtocol": limits::PROTOCOL_PROBE_MIN,
    }));
    Err(mismatch)
}

fn refuse(id: &str, fault: &error::Fault, code: u16, reason: String) -> Step {
    let frame = Some(ByteString::from(frame::refusal(id, fault)));
    Step::End(Farewell { frame, code, reason })
}

impl Greeting {
    fn refused(&self, refusal: &crate::domain::refusal::Refusal) -> Farewell {
        let (fault, reason) = error::of_connect(refusal, &self.profile);
        let frame = Some(ByteString::from(frame::refusal(&self.id, &fault)));
        Farewell { frame, code: 1008, reason }
    }

    fn hello(self, entered: Entered) -> Entry {
        let asked = &self.scopes;
        let frame = hello::frame(&self.id, &self.service, &self.connection, &entered, asked);
        let standing = &entered.session.standing;
        let (scopes, principal) = (standing.scopes.clone(), &standing.principal);
        let (subject, device) = (principal.subject(), principal.device());
        let (role, presence) = (standing.role, self.presence(standing));
        self.slot.put(entered.session);
        Entry {
            frame: frame.into(),
            scopes,
            subject,
            role,
            device,
            presence,
            message_bytes_max: message_bytes_max(),
        }
    }

    /// Clients that come and go (one-shot CLIs, backends, probes) are not announced. docs/PROTOCOL.md (e).
    fn presence(&self, standing: &Standing) -> Option<Presence> {
        let profile = &self.profile;
        let comes_and_goes = matches!(profile.client_mode.as_str(), "cli" | "backend" | "probe");
        (!comes_and_goes).then(|| Presence {
            instance_id: self.instance_id.clone().unwrap_or_else(|| self.connection.clone()),
            host: profile.display_name.clone().unwrap_or_else(|| profile.client_id.clone()),
            address: self.address.clone(),
            version: profile.version.clone(),
            platform: profile.platform.clone(),
            device_family: profile.device_family.clone(),
            mode: profile.client_mode.clone(),
            device: standing.principal.device(),
            role: standing.role.name(),
            scopes: standing.scopes.clone(),
            since: UnixMillis(clock::unix_millis()),
        })
    }
}
