//! Letting a client in.
//!
//! The order of the checks is that of the real gateway (`docs/PROTOCOL.md` (c)): the page, the device's proof
//! of its key, the credential, and only then what all of it is worth. Everything that a known client
//! needs is on the last committed state, so it is let in without a lock, a write or an await.

use std::net::IpAddr;

use futures_util::future::LocalBoxFuture;

use super::{
    Service, SharedSecret,
    proof::{Challenge, DeviceClaim, Proven, prove},
};
use crate::{
    domain::{
        ids::{DeviceId, RequestId, TokenHash},
        operation::Operation,
        origin::{Locality, PageOrigin, check_page},
        permit,
        principal::{Principal, SecretKind, Standing},
        refusal::{PairingReason, PairingRequired, Refusal},
        registry::{
            Ask, Command, Profile, Registry,
            admit::{Admission, Credential, Knock, ProvenDevice, admit},
        },
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::{Transport, Via},
    support::{
        entropy,
        secret::{Secret, digest, same_digest},
    },
};

/// What a client presents, as sent.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// `auth.token`
    pub token: Option<Secret<String>>,
    /// `auth.deviceToken`
    pub device_token: Option<Secret<String>>,
    /// `auth.bootstrapToken`
    pub bootstrap_token: Option<Secret<String>>,
    /// `auth.password`
    pub password: Option<Secret<String>>,
}

/// One client at the door.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The role it wants.
    pub role: Role,
    /// The scopes it wants, in the order sent: the signature covers that order.
    pub scopes: Vec<String>,
    /// The same, as a set.
    pub scope_set: ScopeSet,
    /// What it says about itself.
    pub profile: Profile,
    /// Its device, if it has one.
    pub device: Option<DeviceClaim>,
    /// What it presents.
    pub auth: Presented,
    /// What it was challenged with.
    pub challenge: Challenge,
    /// The page that opened the connection.
    pub origin: Option<String>,
    /// The request's `Host`.
    pub host: Option<String>,
    /// Whether it says that it is the browser console.
    pub claims_console: bool,
    /// The peer address.
    pub address: Option<IpAddr>,
    /// Where it comes from.
    pub locality: Locality,
    /// The connection's name in the ledger.
    pub connection: String,
    /// The client's id of this request.
    pub request: String,
}

/// A client that was let in.
#[derive(Debug)]
pub struct Entered {
    /// What it stands on.
    pub standing: Standing,
    /// Its token, if this is the moment to hand it out.
    pub device_token: Option<Secret<String>>,
    /// When its token was handed out.
    pub issued_at: Option<UnixMillis>,
}

/// Let in at once, or after something was written.
pub enum Outcome {
    /// At once.
    Entered(Entered),
    /// Something has to be made durable first.
    Later(LocalBoxFuture<'static, Result<Entered, Refusal>>),
}

impl Service {
    /// Decides on one client at the door.
    ///
    /// # Errors
    /// The refusal; nothing was written.
    pub fn connect(&self, connect: Connect) -> Result<Outcome, Refusal> {
        let page = connect.origin.as_deref().map_or(PageOrigin::Absent, PageOrigin::Page);
        let allowed = &self.0.info.allowed_origins;
        let host = connect.host.as_deref();
        check_page(page, host, connect.locality, connect.claims_console, allowed)
            .map_err(Refusal::OriginNotAllowed)?;
        let proven = connect.device.as_ref().map(|claim| prove(claim, &connect)).transpose()?;
        let state = self.0.registry.peek();
        let credential = self.credential(&state, &connect, proven.as_ref())?;
        match admit(&state, &knock(&connect, proven.as_ref(), credential))? {
            Admission::Enter(standing) => Ok(self.enter(&state, standing, connect)),
            Admission::Pair(reason) => {
                let proven = proven.ok_or(Refusal::DeviceIdentityRequired)?;
                let service = self.clone();
                let settle = async move { service.pair(connect, proven, credential, reason).await };
                Ok(Outcome::Later(Box::pin(settle)))
            }
        }
    }

    /// What the client proved besides its key.
    fn credential(
        &self,
        state: &Registry,
        connect: &Connect,
        proven: Option<&Proven>,
    ) -> Result<Credential, Refusal> {
        let given = |secret: &'_ Option<Secret<String>>| -> Option<Secret<String>> {
            secret.as_ref().filter(|secret| !secret.expose().is_empty()).cloned()
        };
        let auth = &connect.auth;
        let (kind, ours, theirs) = match &self.0.secret {
            SharedSecret::Token(ours) => (SecretKind::Token, ours, given(&auth.token)),
            SharedSecret::Password(ours) => (SecretKind::Password, ours, given(&auth.password)),
            SharedSecret::None => {
                let token = given(&auth.device_token).filter(|_| proven.is_some());
                return Ok(token.map_or(Credential::Open, |token| device_token(&token)));
            }
        };
        if theirs.as_ref().is_some_and(|theirs| ours.matches(theirs.expose())) {
            return Ok(Credential::Secret(kind));
        }
        if let Some(token) = given(&auth.device_token) {
            return Ok(device_token(&token));
        }
        if given(&auth.bootstrap_token).is_some() {
            return Err(Refusal::BootstrapInvalid);
        }
        // Some clients keep their device token where the shared one would be.
        if let (Some(proven), Some(token)) = (proven, given(&auth.token))
            && is_token_of(state, proven.id, connect.role, &token)
        {
            return Ok(device_token(&token));
        }
        match (theirs, proven) {
            (Some(_), proven) => {
                Err(Refusal::SecretMismatch { kind, device_proven: proven.is_some() })
            }
            (None, Some(_)) => Err(Refusal::SecretMissing(kind)),
            (None, None) => Err(Refusal::DeviceIdentityRequired),
        }
    }

    /// Lets a granted client in; writes first if its token was not handed out yet, or if what it
    /// says about itself has changed.
    fn enter(&self, state: &Registry, standing: Standing, connect: Connect) -> Outcome {
        let Principal::Device(id, role) = standing.principal else {
            return Outcome::Entered(Entered { standing, device_token: None, issued_at: None });
        };
        let token = state.grant(id, role).and_then(|grant| grant.token);
        let described =
            state.device(id).is_none_or(|device| !news_about(&device.profile, &connect.profile));
        match token {
            Some(token) if described => {
                let issued_at = Some(token.issued_at);
                Outcome::Entered(Entered { standing, device_token: None, issued_at })
            }
            token => {
                let service = self.clone();
                let needs_token = token.is_none();
                Outcome::Later(Box::pin(async move {
                    service.enter_writing(standing, id, connect, needs_token, !described).await
                }))
            }
        }
    }

    async fn enter_writing(
        &self,
        standing: Standing,
        id: DeviceId,
        connect: Connect,
        needs_token: bool,
        describe: bool,
    ) -> Result<Entered, Refusal> {
        let via = via(&connect);
        let role = standing.role;
        if describe {
            let permit = permit::authorize(&standing, Operation::DescribeDevice)?;
            let command = Command::Describe { profile: connect.profile };
            self.0.registry.execute(permit, command, via.clone()).await?;
        }
        let secret = entropy::token();
        let hash = TokenHash(digest(secret.expose().as_bytes()));
        if needs_token {
            let permit = permit::authorize(&standing, Operation::IssueToken)?;
            let command = Command::IssueToken { role, token: hash };
            self.0.registry.execute(permit, command, via).await?;
        }
        let state = self.0.registry.peek();
        Ok(entered(&state, standing, id, secret, hash))
    }

    /// Approves by rule where the local policy covers it; otherwise leaves a request.
    async fn pair(
        &self,
        connect: Connect,
        proven: Proven,
        credential: Credential,
        reason: PairingReason,
    ) -> Result<Entered, Refusal> {
        let ask = ask(&connect, &proven, credential, reason);
        let via = via(&connect);
        if self.0.registry.peek().local_policy_covers(&ask) {
            return self.pair_locally(connect, proven, credential, ask, via).await;
        }
        let applicant = Standing::applicant(ask.device, ask.role);
        let permit = permit::authorize(&applicant, Operation::RequestPairing)?;
        let (device, role, scopes) = (ask.device, ask.role, ask.scopes.clone());
        let command = Command::RequestPairing(Box::new(ask));
        let state = self.0.registry.execute(permit, command, via).await?.state;
        let (request_id, _) = state.request_of(device, role).ok_or(Refusal::UnknownRequest)?;
        self.0.registry.repeated(request_id);
        let known = state.device(device);
        Err(Refusal::PairingRequired(Box::new(PairingRequired {
            reason,
            request_id,
            device,
            role,
            scopes,
            approved_roles: known
                .map(|device| device.grants.keys().copied().collect())
                .unwrap_or_default(),
            approved_scopes: known
                .map(|device| {
                    let all = device.grants.values().map(|grant| &grant.scopes);
                    all.fold(ScopeSet::empty(), |all, scopes| all.union(scopes))
                })
                .unwrap_or_default(),
        })))
    }

    async fn pair_locally(
        &self,
        connect: Connect,
        proven: Proven,
        credential: Credential,
        ask: Ask,
        via: Via,
    ) -> Result<Entered, Refusal> {
        let rule = self.0.registry.peek().local_policy_standing().ok_or(Refusal::GrantEnded)?;
        let permit = permit::authorize(&rule, Operation::ApprovePairing)?;
        let secret = entropy::token();
        let hash = TokenHash(digest(secret.expose().as_bytes()));
        let command = Command::ApproveLocally { ask: Box::new(ask), token: hash };
        let state = self.0.registry.execute(permit, command, via).await?.state;
        match admit(&state, &knock(&connect, Some(&proven), credential))? {
            Admission::Enter(standing) => Ok(entered(&state, standing, proven.id, secret, hash)),
            Admission::Pair(_) => Err(Refusal::GrantEnded),
        }
    }
}

/// The token goes out only if the one that the ledger holds is the one that was minted here: two
/// connections may have raced for it.
fn entered(
    state: &Registry,
    standing: Standing,
    id: DeviceId,
    secret: Secret<String>,
    hash: TokenHash,
) -> Entered {
    let token = state.grant(id, standing.role).and_then(|grant| grant.token);
    let is_ours = token.is_some_and(|token| token.hash == hash);
    Entered {
        standing,
        device_token: is_ours.then_some(secret),
        issued_at: token.map(|token| token.issued_at),
    }
}

fn device_token(token: &Secret<String>) -> Credential {
    Credential::DeviceToken(TokenHash(digest(token.expose().as_bytes())))
}

fn is_token_of(state: &Registry, device: DeviceId, role: Role, token: &Secret<String>) -> bool {
    let ours = state.grant(device, role).and_then(|grant| grant.token);
    ours.is_some_and(|ours| same_digest(&ours.hash.0, &digest(token.expose().as_bytes())))
}

fn knock<'a>(connect: &'a Connect, proven: Option<&Proven>, credential: Credential) -> Knock<'a> {
    Knock {
        role: connect.role,
        scopes: &connect.scope_set,
        device: proven.map(|proven| ProvenDevice {
            id: proven.id,
            profile: &connect.profile,
            profile_signed: proven.profile_signed,
        }),
        credential,
        locality: connect.locality,
    }
}

fn ask(connect: &Connect, proven: &Proven, credential: Credential, reason: PairingReason) -> Ask {
    Ask {
        request_id: RequestId(entropy::uuid().into_bytes()),
        device: proven.id,
        public_key: proven.key,
        role: connect.role,
        scopes: connect.scope_set.clone(),
        reason,
        profile: connect.profile.clone(),
        address: connect.address.map(|address| address.to_string()),
        secret: match credential {
            Credential::Secret(kind) => Some(kind),
            Credential::Open | Credential::DeviceToken(_) => None,
        },
        locality: connect.locality,
    }
}

fn via(connect: &Connect) -> Via {
    Via {
        transport: Transport::WebSocket,
        address: connect.address.map(|address| address.to_string()),
        locality: connect.locality,
        connection: Some(connect.connection.clone()),
        request: Some(connect.request.clone()),
    }
}

/// Whether a device says something new about itself. Other programs of the same device (a probe
/// beside its CLI) do not change how the device is known.
fn news_about(known: &Profile, now: &Profile) -> bool {
    let same_program = known.client_id == now.client_id && known.client_mode == now.client_mode;
    same_program && known != now
}
