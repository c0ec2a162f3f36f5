//! Letting a client in.
//!
//! The order of the checks is that of the real gateway (`docs/PROTOCOL.md` (c)): the page, the device's proof
//! of its key, the credential, and only then what all of it is worth. A credential is compared only if
//! the guard lets its class be tried. Everything that a known client needs is on the last committed
//! state, so it is let in without a write or an await.

use super::{
    Service, SharedSecret,
    connect::{Connect, Outcome},
    enter::via,
    guard::{Caller, Client, Consequence},
    proof::{Proven, prove},
    tokens::TOKEN_PREFIX,
};
use crate::{
    domain::{
        ids::{DeviceId, TokenHash},
        origin::{PageOrigin, check_page},
        principal::{SecretKind, Standing},
        refusal::{PairingReason, Refusal},
        registry::{
            CredentialClass, Registry,
            admit::{Admission, Credential, Knock, ProvenDevice, admit},
        },
    },
    ledger::Transport,
    support::secret::{Secret, digest},
};

/// What a client's credential comes to.
enum Presented {
    /// It is worth something by itself.
    Credential(Credential),
    /// A setup code, to be redeemed.
    Code(TokenHash),
}

/// What follows from all that a client presented.
enum Verdict {
    /// It enters, having proved itself by this method.
    Enter(Standing, &'static str),
    /// It has to be approved.
    Pair(Credential, PairingReason),
    /// It redeems a setup code.
    Redeem(TokenHash),
}

impl Service {
    /// Decides on one client at the door, and counts what became of it.
    ///
    /// # Errors
    /// The refusal; nothing was written.
    pub fn connect(&self, connect: Connect) -> Result<Outcome, Refusal> {
        let (address, transport) = (connect.address, Transport::WebSocket);
        let outcome = self.decide(connect);
        match outcome {
            Err(refusal) => {
                self.note_at_door(Err(&refusal), transport, address);
                Err(refusal)
            }
            Ok(Outcome::Entered(entered)) => {
                self.note_at_door(Ok(&entered.session.standing), transport, address);
                Ok(Outcome::Entered(entered))
            }
            Ok(Outcome::Later(later)) => {
                let service = self.clone();
                Ok(Outcome::Later(Box::pin(async move {
                    let outcome = later.await;
                    let standing = outcome.as_ref().map(|entered| &entered.session.standing);
                    service.note_at_door(standing, transport, address);
                    outcome
                })))
            }
        }
    }

    fn decide(&self, connect: Connect) -> Result<Outcome, Refusal> {
        let page = connect.origin.as_deref().map_or(PageOrigin::Absent, PageOrigin::Page);
        let allowed = &self.0.info.allowed_origins;
        let host = connect.host.as_deref();
        check_page(page, host, connect.locality, connect.claims_console, allowed)
            .map_err(Refusal::OriginNotAllowed)?;
        let proven = connect.device.as_ref().map(|claim| prove(claim, &connect)).transpose()?;
        let state = self.0.registry.peek();
        let caller = self.caller(Client {
            paired: proven.as_ref().map(|proven| proven.id).filter(|id| is_paired(&state, *id)),
            address: connect.address,
            locality: connect.locality,
            is_page: connect.origin.is_some(),
        });
        let service = self.clone();
        match self.judge(&state, caller, &connect, proven.as_ref()) {
            Ok(Verdict::Enter(standing, method)) => {
                Ok(self.enter(&state, standing, connect, method))
            }
            Ok(Verdict::Pair(credential, reason)) => {
                let proven = proven.ok_or(Refusal::DeviceIdentityRequired)?;
                let settle = async move { service.pair(connect, proven, credential, reason).await };
                Ok(Outcome::Later(Box::pin(settle)))
            }
            Ok(Verdict::Redeem(code)) => {
                let proven = proven.ok_or(Refusal::DeviceIdentityRequired)?;
                Ok(Outcome::Later(Box::pin(async move {
                    let via = via(&connect);
                    let redeemed = service.redeem(connect, proven, code).await;
                    if let Err(refusal) = &redeemed {
                        service.settle(service.count(caller, refusal), via).await;
                    }
                    redeemed
                })))
            }
            Err(refusal) => {
                let consequence = self.count(caller, &refusal);
                if consequence == Consequence::default() {
                    return Err(refusal);
                }
                let via = via(&connect);
                Ok(Outcome::Later(Box::pin(async move {
                    service.settle(consequence, via).await;
                    Err(refusal)
                })))
            }
        }
    }

    /// What follows from all that the client presented.
    fn judge(
        &self,
        state: &Registry,
        caller: Caller,
        connect: &Connect,
        proven: Option<&Proven>,
    ) -> Result<Verdict, Refusal> {
        let credential = match self.presented(state, caller, connect, proven)? {
            Presented::Credential(credential) => credential,
            Presented::Code(code) => return Ok(Verdict::Redeem(code)),
        };
        Ok(match admit(state, &knock(connect, proven, credential.clone()))? {
            Admission::Enter(standing) => Verdict::Enter(standing, credential.method()),
            Admission::Pair(reason) => Verdict::Pair(credential, reason),
        })
    }

    /// What the client presented besides its key.
    fn presented(
        &self,
        state: &Registry,
        caller: Caller,
        connect: &Connect,
        proven: Option<&Proven>,
    ) -> Result<Presented, Refusal> {
        let auth = &connect.auth;
        let shared = self.0.secrets.current();
        let (kind, theirs) = match &**shared {
            SharedSecret::Token(_) | SharedSecret::TrustedProxy => {
                (SecretKind::Token, given(&auth.token))
            }
            SharedSecret::Password(_) => (SecretKind::Password, given(&auth.password)),
            SharedSecret::None => (SecretKind::Token, None),
        };
        let ours = shared.value().map(|(_, ours)| ours);
        let may_try = |class| self.may_try(state, caller, class);
        let credential = |credential| Ok(Presented::Credential(credential));
        if let (Some(_), Some(theirs)) = (ours, theirs) {
            may_try(class_of(theirs))?;
            if self.0.secrets.prove(state, theirs) {
                return credential(Credential::Secret(kind));
            }
        }
        if let Some(token) = given(&auth.token).filter(|token| is_service_token(token)) {
            may_try(CredentialClass::ServiceToken)?;
            let id = self.present(state, token, connect.address)?;
            return credential(Credential::ServiceToken(id));
        }
        if let Some(token) =
            given(&auth.device_token).filter(|_| proven.is_some() || ours.is_some())
        {
            may_try(CredentialClass::DeviceToken)?;
            return credential(device_token(token));
        }
        if let Some(code) = given(&auth.bootstrap_token) {
            may_try(CredentialClass::SetupCode)?;
            return Ok(Presented::Code(TokenHash(digest(code.expose().as_bytes()))));
        }
        // Some clients keep their device token where the shared one would be.
        if let (Some(proven), Some(token)) = (proven, given(&auth.token))
            && is_token_of(state, proven, connect, token)
        {
            return credential(device_token(token));
        }
        match (&**shared, &connect.person) {
            (SharedSecret::None, _) => return credential(Credential::Open),
            (SharedSecret::TrustedProxy, Ok(name)) => {
                return credential(Credential::Person(name.clone()));
            }
            (SharedSecret::TrustedProxy, Err(refusal))
                if !proven.is_some_and(|proven| state.is_listed(&proven.key, connect.role)) =>
            {
                return Err(refusal.clone());
            }
            _ => {}
        }
        match (theirs, proven) {
            (None, Some(proven)) if state.is_listed(&proven.key, connect.role) => {
                credential(Credential::ListedKey)
            }
            (Some(_), proven) => {
                Err(Refusal::SecretMismatch { kind, device_proven: proven.is_some() })
            }
            (None, Some(_)) => Err(Refusal::SecretMissing(kind)),
            (None, None) => Err(Refusal::DeviceIdentityRequired),
        }
    }
}

/// Whether a device holds anything.
fn is_paired(state: &Registry, id: DeviceId) -> bool {
    state.device(id).is_some_and(|device| !device.grants.is_empty())
}

/// What a client means that presents this where a shared secret could be.
pub(super) fn class_of(secret: &Secret<String>) -> CredentialClass {
    match is_service_token(secret) {
        true => CredentialClass::ServiceToken,
        false => CredentialClass::SharedSecret,
    }
}

/// An empty secret is none.
fn given(secret: &Option<Secret<String>>) -> Option<&Secret<String>> {
    secret.as_ref().filter(|secret| !secret.expose().is_empty())
}

fn is_service_token(token: &Secret<String>) -> bool {
    token.expose().starts_with(TOKEN_PREFIX)
}

fn device_token(token: &Secret<String>) -> Credential {
    Credential::DeviceToken(TokenHash(digest(token.expose().as_bytes())))
}

fn is_token_of(
    state: &Registry,
    proven: &Proven,
    connect: &Connect,
    token: &Secret<String>,
) -> bool {
    let grant = state.grant(proven.id, connect.role);
    grant.is_some_and(|grant| grant.is_token(TokenHash(digest(token.expose().as_bytes()))))
}

/// What the door is told of a client.
pub(super) fn knock<'a>(
    connect: &'a Connect,
    proven: Option<&Proven>,
    credential: Credential,
) -> Knock<'a> {
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
        cap: connect.cap.as_ref(),
    }
}
