//! Letting a client in.
//!
//! The order of the checks is that of the real gateway (`docs/PROTOCOL.md` (c)): the page, the device's proof
//! of its key, the credential, and only then what all of it is worth. Everything that a known client
//! needs is on the last committed state, so it is let in without a lock, a write or an await.

use std::sync::Arc;

use super::{
    Service, SharedSecret,
    connect::{Connect, Entered, Outcome},
    proof::{Proven, prove},
};
use crate::{
    domain::{
        ids::{DeviceId, RequestId, TokenHash},
        operation::Operation,
        origin::{PageOrigin, check_page},
        permit,
        principal::{Principal, SecretKind, Standing},
        refusal::{PairingReason, PairingRequired, Refusal},
        registry::{
            Ask, Command, Profile, Registry,
            admit::{Admission, Credential, Knock, ProvenDevice, admit},
        },
        scope::{Role, ScopeSet},
    },
    ledger::record::{Transport, Via},
    support::{
        entropy,
        secret::{Secret, digest, same_digest},
    },
};

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
    fn enter(&self, state: &Registry, standing: Standing, mut connect: Connect) -> Outcome {
        let Principal::Device(id, role) = standing.principal else {
            return Outcome::Entered(Entered { standing, device_token: None, issued_at: None });
        };
        let token = state.grant(id, role).and_then(|grant| grant.token);
        let described = state.device(id).is_none_or(|device| {
            keep_what_is_not_said(&device.profile, &mut connect.profile);
            !news_about(&device.profile, &connect.profile)
        });
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
    ///
    /// What is true may change while the ledger writes: an approval may come in between, or the
    /// policy may end. So the last word is always another look at the committed state.
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
            let (secret, committed) = self.approve_by_rule(ask.clone(), via.clone()).await;
            match committed {
                Ok(state) => {
                    return self.look_again(&state, connect, &proven, credential, secret).await;
                }
                Err(Refusal::HostOnly) => {} // The policy covers it no longer: a person has to.
                Err(refusal) => return Err(refusal),
            }
        }
        let applicant = Standing::applicant(ask.device, ask.role);
        let permit = permit::authorize(&applicant, Operation::RequestPairing)?;
        let (device, role, scopes) = (ask.device, ask.role, ask.scopes.clone());
        let command = Command::RequestPairing(Box::new(ask));
        let state = self.0.registry.execute(permit, command, via).await?.state;
        let waiting = match admit(&state, &knock(&connect, Some(&proven), credential))? {
            Admission::Enter(_) => None,
            Admission::Pair(_) => state.request_of(device, role),
        };
        let Some((request_id, _)) = waiting else {
            let secret = entropy::token();
            return self.look_again(&state, connect, &proven, credential, secret).await;
        };
        self.0.registry.repeated(request_id);
        let known = state.device(device);
        let held = known.into_iter().flat_map(|device| device.grants.iter());
        Err(Refusal::PairingRequired(Box::new(PairingRequired {
            reason,
            request_id,
            device,
            role,
            scopes,
            approved_roles: held.clone().map(|(role, _)| *role).collect(),
            approved_scopes: held.flat_map(|(_, grant)| grant.scopes.iter()).collect(),
        })))
    }

    async fn approve_by_rule(
        &self,
        ask: Ask,
        via: Via,
    ) -> (Secret<String>, Result<Arc<Registry>, Refusal>) {
        let secret = entropy::token();
        let token = TokenHash(digest(secret.expose().as_bytes()));
        let approve = async {
            let rule = self.0.registry.peek().local_policy_standing();
            let permit =
                permit::authorize(&rule.ok_or(Refusal::HostOnly)?, Operation::ApprovePairing)?;
            let command = Command::ApproveLocally { ask: Box::new(ask), token };
            self.0.registry.execute(permit, command, via).await.map(|committed| committed.state)
        };
        let approved = approve.await;
        (secret, approved)
    }

    /// Lets a client in that could not be let in before; `secret` is its token if the ledger took it.
    async fn look_again(
        &self,
        state: &Arc<Registry>,
        connect: Connect,
        proven: &Proven,
        credential: Credential,
        secret: Secret<String>,
    ) -> Result<Entered, Refusal> {
        let admitted = admit(state, &knock(&connect, Some(proven), credential))?;
        let Admission::Enter(standing) = admitted else {
            return Err(Refusal::Unavailable { reason: "the grant changed", retry_after_ms: 250 });
        };
        let hash = TokenHash(digest(secret.expose().as_bytes()));
        let issued = state.grant(proven.id, standing.role).and_then(|grant| grant.token);
        if issued.is_some_and(|token| token.hash == hash) {
            return Ok(entered(state, standing, proven.id, secret, hash));
        }
        match self.enter(state, standing, connect) {
            Outcome::Entered(entered) => Ok(entered),
            Outcome::Later(entered) => entered.await,
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
        // A node asks for its role, not for scopes.
        scopes: match connect.role {
            Role::Operator => connect.scope_set.clone(),
            Role::Node => ScopeSet::empty(),
        },
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

/// A device that does not name its family or itself this time has not changed them.
fn keep_what_is_not_said(known: &Profile, now: &mut Profile) {
    if now.device_family.is_none() {
        now.device_family.clone_from(&known.device_family);
    }
    if now.display_name.is_none() {
        now.display_name.clone_from(&known.display_name);
    }
}
