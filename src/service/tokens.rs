//! Service tokens: a credential per client that has no device key (N3).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

use super::Service;
use crate::{
    domain::{
        ids::{Seq, TokenHash, TokenId},
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{Command, Event, Registry, service_token::NewToken},
        scope::ScopeSet,
        time::UnixMillis,
    },
    ledger::record::Via,
    support::{
        clock, entropy,
        secret::{Secret, digest},
    },
};

/// What every service token begins with, so that people and secret scanners see what it is, and the
/// gateway need not look for it among other credentials.
pub const TOKEN_PREFIX: &str = "dwst_";

/// When each token was last let in. Soft: since the gateway started. Bounded by the number of tokens.
pub(super) type Uses = Mutex<BTreeMap<TokenId, UnixMillis>>;

/// A service token to make.
#[derive(Debug, Clone)]
pub struct TokenOrder {
    /// What to call it.
    pub name: String,
    /// What it is to hold.
    pub scopes: ScopeSet,
    /// When it ends.
    pub until: Option<UnixMillis>,
    /// From where it may be used; empty means anywhere.
    pub ranges: Vec<IpNet>,
}

/// A service token with its secret, which is shown this once.
#[derive(Debug)]
pub struct MintedToken {
    /// Its id.
    pub id: TokenId,
    /// The secret.
    pub secret: Secret<String>,
    /// The record of it.
    pub seq: Seq,
}

/// The service tokens, as they are now.
pub struct Tokens {
    /// The committed state.
    pub state: Arc<Registry>,
    /// The time now.
    pub now: UnixMillis,
    service: Service,
}

impl Tokens {
    /// When a token was last let in, since the gateway started.
    pub fn last_used(&self, id: TokenId) -> Option<UnixMillis> {
        self.service.0.used.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }
}

impl Service {
    /// Lists the service tokens.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn tokens(&self, who: &Standing) -> Result<Tokens, Refusal> {
        permit::check(who, Operation::ListTokens)?;
        let now = UnixMillis(clock::unix_millis());
        Ok(Tokens { state: self.0.registry.state(), now, service: self.clone() })
    }

    /// Makes a service token.
    ///
    /// # Errors
    /// If `who` may not, or would give away what it does not hold.
    pub async fn create_token(
        &self,
        who: &Standing,
        via: Via,
        order: TokenOrder,
    ) -> Result<MintedToken, Refusal> {
        let permit = permit::authorize(who, Operation::CreateToken)?;
        let (secret, token) = mint();
        let id = TokenId(entropy::uuid().into_bytes());
        let TokenOrder { name, scopes, until, ranges } = order;
        let now = UnixMillis(self.0.steady.unix_millis());
        let until = until.map(|until| self.on_steady_clock(until));
        let new = NewToken { id, name, scopes, token, until, ranges, now };
        let committed =
            self.0.registry.execute(permit, Command::CreateToken(Box::new(new)), via).await?;
        let (stamp, _) = committed.events.first().ok_or(Refusal::UnknownToken)?;
        Ok(MintedToken { id, secret, seq: stamp.seq })
    }

    /// Replaces a service token's secret; the sessions of the old one end.
    ///
    /// # Errors
    /// If `who` may not, or there is no such token.
    pub async fn rotate_service_token(
        &self,
        who: &Standing,
        via: Via,
        id: TokenId,
    ) -> Result<MintedToken, Refusal> {
        let permit = permit::authorize(who, Operation::RotateServiceToken)?;
        let (secret, token) = mint();
        let command = Command::RotateServiceToken { id, token };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let (stamp, _) = committed.events.first().ok_or(Refusal::UnknownToken)?;
        Ok(MintedToken { id, secret, seq: stamp.seq })
    }

    /// Ends a service token, and its sessions with it. With `force`, the host ends also the last
    /// that holds `operator.admin`, for that reason.
    ///
    /// # Errors
    /// If `who` may not, or there is no such token.
    pub async fn revoke_service_token(
        &self,
        who: &Standing,
        via: Via,
        id: TokenId,
        force: Option<String>,
    ) -> Result<Seq, Refusal> {
        let permit = permit::authorize(who, Operation::RevokeServiceToken)?;
        let command = Command::RevokeServiceToken { id, force };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let revoked = committed.events.iter().find_map(|(stamp, event)| {
            matches!(event, Event::ServiceTokenRevoked { .. }).then_some(stamp.seq)
        });
        revoked.ok_or(Refusal::UnknownToken)
    }

    /// Notes that a token was let in.
    pub(super) fn note_use(&self, id: TokenId) {
        let now = UnixMillis(clock::unix_millis());
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now);
    }

    /// The service token with this secret, on every door.
    ///
    /// # Errors
    /// What is wrong with it here and now.
    pub(super) fn present(
        &self,
        state: &Registry,
        secret: &Secret<String>,
        address: Option<IpAddr>,
    ) -> Result<TokenId, Refusal> {
        let now = UnixMillis(self.0.steady.unix_millis());
        state.present(TokenHash(digest(secret.expose().as_bytes())), address, now)
    }
}

fn mint() -> (Secret<String>, TokenHash) {
    let secret = Secret::new(format!("{TOKEN_PREFIX}{}", entropy::token().expose()));
    let hash = TokenHash(digest(secret.expose().as_bytes()));
    (secret, hash)
}
