//! Service tokens: a credential per client that has no device key (N3).
//!
//! Each has a name, its own scopes, and may have an end and the addresses that it is for. Nobody
//! makes one that holds more than they hold themselves. It is worth nothing but what it says, on
//! every door alike.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Event, Registry,
    approve::{for_as_long, within as within_giver},
};
use crate::domain::{
    Decider,
    ids::{Seq, TokenHash, TokenId},
    operation::Operation,
    permit::Permit,
    principal::{Principal, Subject},
    refusal::{Refusal, TokenFault},
    scope::{Role, ScopeSet},
    time::UnixMillis,
};

/// How many service tokens there may be: more than any home has clients.
pub const TOKENS_MAX: usize = 1000;

/// How many address ranges one may name.
pub const RANGES_MAX: usize = 32;

/// A service token, as far as the gateway knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceToken {
    /// The record that made it.
    pub seq: Seq,
    /// The record since which its secret is good: sessions from before have ended.
    pub line: Seq,
    /// When it was made.
    pub at: UnixMillis,
    /// What it is called; no two have the same name.
    pub name: String,
    /// What it holds.
    pub scopes: ScopeSet,
    /// The secret's hash.
    pub hash: TokenHash,
    /// When it ends.
    pub until: Option<UnixMillis>,
    /// From where it may be used; empty means anywhere.
    pub ranges: Vec<IpNet>,
    /// Who made it.
    pub creator: Principal,
    /// When its secret was last replaced.
    pub rotated_at: Option<UnixMillis>,
    /// The role of the policy that lies on it.
    pub ceiling: Option<String>,
}

/// A service token to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The id to give it.
    pub id: TokenId,
    /// What to call it.
    pub name: String,
    /// What it is to hold.
    pub scopes: ScopeSet,
    /// The secret's hash.
    pub token: TokenHash,
    /// When it ends.
    pub until: Option<UnixMillis>,
    /// From where it may be used; empty means anywhere.
    pub ranges: Vec<IpNet>,
    /// The time now.
    pub now: UnixMillis,
}

pub(super) fn create(
    state: &Registry,
    permit: &Permit,
    new: NewToken,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::CreateToken)?;
    state.authority(permit)?;
    let NewToken { id, name, scopes, token, until, ranges, now } = new;
    within_giver(permit.standing(), Role::Operator, &scopes)?;
    for_as_long(state, permit.standing(), &scopes, until)?;
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::AlreadyOver);
    }
    if scopes.len() > ScopeSet::LEN_MAX {
        return Err(Refusal::TooManyScopes);
    }
    if ranges.len() > RANGES_MAX {
        return Err(Refusal::LimitReached { what: "address ranges" });
    }
    if state.tokens.len() >= TOKENS_MAX {
        return Err(Refusal::LimitReached { what: "service tokens" });
    }
    if state.tokens.values().any(|token| token.name == name) {
        return Err(Refusal::NameTaken);
    }
    let creator = permit.principal().clone();
    Ok(vec![Event::ServiceTokenCreated { id, name, scopes, token, until, ranges, creator }])
}

/// Replaces the secret. Whoever gets the new one gets what the token holds, so whoever asks has to
/// hold that too.
pub(super) fn rotate(
    state: &Registry,
    permit: &Permit,
    id: TokenId,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::RotateServiceToken)?;
    state.authority(permit)?;
    let known = state.tokens.get(&id).ok_or(Refusal::UnknownToken)?;
    within_giver(permit.standing(), Role::Operator, &known.scopes)?;
    for_as_long(state, permit.standing(), &known.scopes, known.until)?;
    Ok(vec![Event::ServiceTokenRotated { id, token }])
}

/// Ends it. Its own sessions end with it, and nobody else's (N3 A3.3). The last holder of
/// `operator.admin` goes as the last device does: only by the host, with a reason (N1 A1.7).
pub(super) fn revoke(
    state: &Registry,
    permit: &Permit,
    id: TokenId,
    force: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::RevokeServiceToken)?;
    state.authority(permit)?;
    if !state.tokens.contains_key(&id) {
        return Err(Refusal::UnknownToken);
    }
    let revoked = |reason| Event::ServiceTokenRevoked { id, reason };
    let reason = state.leave_an_admin_unless(permit, force, &[revoked(None)])?;
    Ok(vec![revoked(reason)])
}

impl Registry {
    /// A service token.
    pub fn service_token(&self, id: TokenId) -> Option<&ServiceToken> {
        self.tokens.get(&id).map(|token| &**token)
    }

    /// The scopes of a service token, with its ceiling on it.
    pub fn in_force_of(&self, token: &ServiceToken) -> ScopeSet {
        self.capped(&token.scopes, token.ceiling.as_deref())
    }

    /// Every service token, by id.
    pub fn service_tokens(&self) -> impl Iterator<Item = (TokenId, &ServiceToken)> {
        self.tokens.iter().map(|(id, token)| (*id, &**token))
    }

    /// The service token with this secret, if it is good here and now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn present(
        &self,
        secret: TokenHash,
        address: Option<IpAddr>,
        now: UnixMillis,
    ) -> Result<TokenId, Refusal> {
        let id = self.token_by_hash.get(&secret).copied();
        self.good(id, address, now)
    }

    /// The service token of this name, if it is good here and now: for who proved by other means than
    /// its secret to be the one that it is for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn vouched(
        &self,
        name: &str,
        address: Option<IpAddr>,
        now: UnixMillis,
    ) -> Result<TokenId, Refusal> {
        let named = self.service_tokens().find(|(_, token)| token.name == name);
        self.good(named.map(|(id, _)| id), address, now)
    }

    fn good(
        &self,
        id: Option<TokenId>,
        address: Option<IpAddr>,
        now: UnixMillis,
    ) -> Result<TokenId, Refusal> {
        let fault = |fault| Err(Refusal::ServiceToken(fault));
        let Some((id, token)) = id.and_then(|id| Some((id, self.service_token(id)?))) else {
            return fault(TokenFault::Unknown);
        };
        let is_over = token.until.is_some_and(|until| until <= now);
        if is_over && !self.is_held_back(&Subject::Token(id)) {
            return fault(TokenFault::Expired);
        }
        if !within(&token.ranges, address) {
            return fault(TokenFault::Address);
        }
        Ok(id)
    }
}

/// Whether an address lies in any of the ranges; no ranges means anywhere.
pub(super) fn within(ranges: &[IpNet], address: Option<IpAddr>) -> bool {
    let inside = |address: IpAddr| ranges.iter().any(|range| range.contains(&address));
    ranges.is_empty() || address.is_some_and(inside)
}
