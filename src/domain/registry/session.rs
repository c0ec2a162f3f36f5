//! What a session may do as the ledger stands now: for live sessions, for records, for listings.
//!
//! A session was let in on a grant. Whenever a commit may have changed that grant, the session is
//! looked at again here, and its scopes narrow, widen or end with it; so what is granted is what is
//! enforced, also for those who are connected (N2, N10).

use super::{Event, Grant, Registry, Touched};
use crate::domain::{
    ids::{DeviceId, Seq},
    origin::Locality,
    principal::{Principal, Rule, Standing, Subject},
    refusal::Refusal,
    scope::{Role, ScopeSet},
};

/// A client that was let in, with what its scopes are worked out from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it stands on.
    pub standing: Standing,
    /// What it asked for; empty means "what I have".
    pub asked: ScopeSet,
    /// What its own request limits it to, whatever is granted.
    pub cap: Option<ScopeSet>,
    /// Where it comes from.
    pub locality: Locality,
}

impl Registry {
    /// What a session stands on now.
    ///
    /// # Errors
    /// [`Refusal::GrantEnded`] if it stands on nothing any more, also if something was granted again
    /// since.
    pub fn reassess(&self, session: &Session) -> Result<Standing, Refusal> {
        let standing = &session.standing;
        let Some(subject) = standing.principal.subject() else { return Ok(standing.clone()) };
        let held = self.held(&subject, session.locality).ok_or(Refusal::GrantEnded)?;
        if standing.grant < held.line {
            return Err(Refusal::GrantEnded);
        }
        let scopes = within(&session.asked, session.cap.as_ref(), &held.scopes);
        Ok(Standing { scopes, grant: held.grant, ..standing.clone() })
    }

    /// Why nothing is left to stand on for a subject that [`Self::reassess`] refused.
    pub fn ending(&self, subject: &Subject) -> Ending {
        match subject {
            Subject::Device(id, _) if self.device(*id).is_none() => Ending::DeviceRemoved,
            Subject::Device(..) => Ending::TokenRevoked,
            Subject::SharedSecret => Ending::SecretRotated,
            Subject::Token(id) if self.tokens.contains_key(id) => Ending::ServiceTokenRotated,
            Subject::Token(_) => Ending::ServiceTokenRevoked,
            Subject::Open | Subject::Person(_) => Ending::PolicyChanged,
        }
    }

    /// What a subject holds now, ceilings applied. What is held for review is in force for nobody.
    pub fn held(&self, subject: &Subject, locality: Locality) -> Option<Held> {
        match subject {
            _ if self.is_under_review(subject) => None,
            Subject::Device(id, role) => {
                let grant = self.grant(*id, *role)?;
                Some(Held { grant: grant.seq, line: grant.line, scopes: self.in_force(grant) })
            }
            Subject::SharedSecret => {
                let secret = self.secret?;
                let (_, policy) = self.policy()?;
                let scopes = policy.secret_grant(locality);
                Some(Held { grant: secret.seq, line: secret.seq, scopes })
            }
            Subject::Open => {
                let (grant, policy) = self.policy()?;
                policy.admits_open().then(|| Held {
                    grant,
                    line: Seq(0),
                    scopes: policy.secret_grant(locality),
                })
            }
            Subject::Token(id) => {
                let token = self.tokens.get(id)?;
                let scopes = self.capped(&token.scopes, token.ceiling.as_deref());
                Some(Held { grant: token.seq, line: token.line, scopes })
            }
            Subject::Person(name) => {
                let (grant, _) = self.policy()?;
                let scopes = self.person_grant(name)?.clone();
                Some(Held { grant, line: Seq(0), scopes })
            }
        }
    }

    /// What a person holds whom a trusted proxy vouches for; `None` if that person may not enter.
    pub(super) fn person_grant(&self, name: &str) -> Option<&ScopeSet> {
        let (_, policy) = self.policy()?;
        policy.person_grant(name)
    }

    /// The scopes of a grant, with its ceiling on it.
    pub fn in_force(&self, grant: &Grant) -> ScopeSet {
        self.capped(&grant.scopes, grant.ceiling.as_deref())
    }

    /// Scopes under a role's ceiling. A role that the policy no longer has leaves nothing.
    pub(super) fn capped(&self, scopes: &ScopeSet, ceiling: Option<&str>) -> ScopeSet {
        let Some(name) = ceiling else { return scopes.clone() };
        let policy = self.policy.as_ref().map(|(_, policy)| policy);
        let most = policy.and_then(|policy| policy.ceiling(name));
        most.map(|most| scopes.narrowed_to(&most)).unwrap_or_default()
    }

    /// What a role's ceiling holds back of these scopes; `None` if there is no ceiling.
    pub fn held_back(&self, scopes: &ScopeSet, ceiling: Option<&str>) -> Option<ScopeSet> {
        ceiling?;
        let left = self.capped(scopes, ceiling);
        Some(scopes.iter().filter(|scope| !left.satisfies(scope)).collect())
    }

    /// Everyone whose grant satisfies `required` now, among those who may approve: who could give it.
    pub fn grantors(&self, required: &ScopeSet) -> Vec<Subject> {
        use crate::domain::scope::Known;
        let may =
            |scopes: &ScopeSet| scopes.satisfies_known(Known::Pairing) && scopes.covers(required);
        let devices = self.devices().filter_map(|(id, device)| {
            let grant = device.grants.get(&Role::Operator)?;
            may(&self.in_force(grant)).then_some(Subject::Device(id, Role::Operator))
        });
        let tokens = self.tokens.iter().filter_map(|(id, token)| {
            may(&self.capped(&token.scopes, token.ceiling.as_deref()))
                .then_some(Subject::Token(*id))
        });
        let all = devices.chain(tokens);
        all.filter(|subject| !self.is_under_review(subject)).collect()
    }
}

/// Why a session has nothing to stand on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The device was taken out.
    DeviceRemoved,
    /// What the device held in this role was taken away.
    TokenRevoked,
    /// The device's token was replaced. Its grant goes on, but this session came in with the old one.
    TokenRotated,
    /// The shared secret was replaced.
    SecretRotated,
    /// The service token was taken away.
    ServiceTokenRevoked,
    /// The service token's secret was replaced.
    ServiceTokenRotated,
    /// The grant or service token reached its end.
    Expired,
    /// The policy lets in nobody like this any more.
    PolicyChanged,
}

impl Ending {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::DeviceRemoved,
        Self::TokenRevoked,
        Self::TokenRotated,
        Self::SecretRotated,
        Self::ServiceTokenRevoked,
        Self::ServiceTokenRotated,
        Self::Expired,
        Self::PolicyChanged,
    ];

    /// In words; no two are the same, and none changes its meaning.
    pub fn words(self) -> &'static str {
        match self {
            Self::DeviceRemoved => "device removed",
            Self::TokenRevoked => "device token revoked",
            Self::TokenRotated => "device token rotated",
            Self::SecretRotated => "shared secret rotated",
            Self::ServiceTokenRevoked => "service token revoked",
            Self::ServiceTokenRotated => "service token rotated",
            Self::Expired => "grant expired",
            Self::PolicyChanged => "policy changed",
        }
    }
}

/// What a subject holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The record that granted it.
    pub grant: Seq,
    /// The record with which it began to hold anything, without a break since.
    pub line: Seq,
    /// The scopes, ceilings applied.
    pub scopes: ScopeSet,
}

/// What a client gets of a grant. An empty request means "what I have": a client that asks for
/// nothing must not end up with a connection that can do nothing.
pub(super) fn within(asked: &ScopeSet, cap: Option<&ScopeSet>, granted: &ScopeSet) -> ScopeSet {
    let scopes = if asked.is_empty() { granted.clone() } else { granted.narrowed_to(asked) };
    cap.map_or(scopes.clone(), |cap| scopes.narrowed_to(cap))
}

/// The record on whose authority `standing` acts now.
pub(super) fn authority(state: &Registry, standing: &Standing) -> Result<Seq, Refusal> {
    if let Some(subject) = standing.principal.subject() {
        // From this machine the shared secret holds the most; where the session came from, it was
        // given no more than it held there.
        let held = state.held(&subject, Locality::DirectLoopback);
        let stands =
            held.filter(|held| held.line <= standing.grant && held.scopes.covers(&standing.scopes));
        return stands.map(|held| held.grant).ok_or(Refusal::GrantEnded);
    }
    let policy = state.policy().map(|(seq, _)| seq);
    match &standing.principal {
        Principal::System(Rule::SetupCode) => {
            let code = state.codes.values().find(|code| code.seq == standing.grant);
            code.filter(|code| code.redeemed.is_none()).map(|code| code.seq)
        }
        Principal::System(Rule::KeyList) => state.keys.as_ref().map(|(seq, _)| *seq),
        Principal::System(Rule::LocalPolicy | Rule::TrustedCidr) => policy,
        // Whoever holds nothing asks on the policy's word that everyone may ask.
        Principal::Applicant(_) => policy,
        _ => Some(Seq(0)),
    }
    .ok_or(Refusal::GrantEnded)
}

/// What the subject of a record holds.
pub(super) fn holdings(state: &Registry, subject: &Touched) -> ScopeSet {
    match subject {
        Touched::One(subject) => {
            let held = state.held(subject, Locality::DirectLoopback);
            held.map(|held| held.scopes).unwrap_or_default()
        }
        Touched::Device(id) => all_of(state, *id),
        Touched::Nobody | Touched::Everyone => ScopeSet::empty(),
    }
}

fn all_of(state: &Registry, id: DeviceId) -> ScopeSet {
    let grants = state.device(id).into_iter().flat_map(|device| device.grants.values());
    grants.fold(ScopeSet::empty(), |all, grant| all.union(&state.in_force(grant)))
}

impl Event {
    /// Whether a session of `subject` has to be looked at again after this.
    pub fn concerns(&self, subject: &Subject) -> bool {
        match (self.touches(), subject) {
            (Touched::Everyone, _) => true,
            (Touched::One(touched), subject) => touched == *subject,
            (Touched::Device(id), Subject::Device(device, _)) => id == *device,
            _ => false,
        }
    }
}
