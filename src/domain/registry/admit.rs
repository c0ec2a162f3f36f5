//! What happens when a client knocks: it enters, it has to be approved first, or it is refused.
//!
//! Pure and read-only, on the last committed state: a known device is let in without a lock and
//! without a write. The proofs (secret, key, token) were checked by the service; this is what they
//! are worth.

use super::{Grant, Registry, hold::Item, session, state::Device};
use crate::{
    domain::{
        ids::{DeviceId, TokenHash, TokenId},
        origin::Locality,
        principal::{Principal, SecretKind, Standing, Subject},
        refusal::{PairingReason, Refusal},
        scope::{Role, ScopeSet},
    },
    support::secret::same_digest,
};

use super::Profile;

/// What the client proved besides its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A shared secret.
    Secret(SecretKind),
    /// Nothing, where nothing is asked for.
    Open,
    /// A token that hashes to this.
    DeviceToken(TokenHash),
    /// The current token of this device as an operator, without its key: over HTTP, where nobody signs.
    DeviceBearer(DeviceId),
    /// The secret of this service token. It is worth what it says; a device beside it adds nothing.
    ServiceToken(TokenId),
    /// A person's name, from a trusted proxy.
    Person(String),
    /// Nothing, but the key is on the adopted list.
    ListedKey,
    /// A setup code, which was redeemed with this knock.
    Redeemed,
}

impl Credential {
    /// What `hello-ok.auth.method` calls it: the real gateway's words, where it has one.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Secret(SecretKind::Token) => "token",
            Self::Secret(SecretKind::Password) => "password",
            Self::Open => "none",
            Self::DeviceToken(_) | Self::DeviceBearer(_) => "device-token",
            Self::ServiceToken(_) => "service-token",
            Self::Person(_) => "trusted-proxy",
            Self::ListedKey => "device-key",
            Self::Redeemed => "bootstrap-token",
        }
    }
}

/// A device that proved its key on this connection.
#[derive(Debug, Clone, Copy)]
pub struct ProvenDevice<'a> {
    /// Its id.
    pub id: DeviceId,
    /// What it says about itself.
    pub profile: &'a Profile,
    /// Whether its signature covers platform and device family (the v3 payload does, v2 does not).
    pub profile_signed: bool,
}

/// One knock.
#[derive(Debug, Clone)]
pub struct Knock<'a> {
    /// The role asked for.
    pub role: Role,
    /// The scopes asked for; none means "what I have".
    pub scopes: &'a ScopeSet,
    /// The device behind it.
    pub device: Option<ProvenDevice<'a>>,
    /// What was proven.
    pub credential: Credential,
    /// Where it comes from.
    pub locality: Locality,
    /// What the request limits itself to, whatever is granted.
    pub cap: Option<&'a ScopeSet>,
}

impl Knock<'_> {
    /// The scopes that count. Scopes are for operators; a node holds none, whatever it names.
    pub fn asked(&self) -> ScopeSet {
        match self.role {
            Role::Operator => self.scopes.clone(),
            Role::Node => ScopeSet::empty(),
        }
    }

    /// What it gets of a grant.
    fn of(&self, granted: &ScopeSet) -> ScopeSet {
        session::within(&self.asked(), self.cap, granted)
    }
}

/// What a knock comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may enter, standing on this.
    Enter(Standing),
    /// It has to be approved first.
    Pair(PairingReason),
}

/// Decides on a knock.
///
/// # Errors
/// If no approval would help: the token is wrong, or the token's grant is too small, or a key is
/// needed.
pub fn admit(state: &Registry, knock: &Knock<'_>) -> Result<Admission, Refusal> {
    let operator = knock.role == Role::Operator;
    match (knock.device, &knock.credential) {
        (_, Credential::ServiceToken(id)) if operator => {
            as_subject(state, knock, Principal::Token(*id))
        }
        (_, Credential::Person(name)) if operator => {
            as_subject(state, knock, Principal::Person(name.clone()))
        }
        (None, Credential::Secret(kind)) if operator => {
            as_subject(state, knock, Principal::SharedSecret(*kind))
        }
        (None, Credential::Open) if operator => as_subject(state, knock, Principal::Open),
        (None, Credential::DeviceBearer(id)) if operator => {
            as_subject(state, knock, Principal::Device(*id, Role::Operator))
        }
        (_, Credential::ServiceToken(_) | Credential::DeviceBearer(_)) => {
            Err(Refusal::WrongRole { role: knock.role })
        }
        (_, Credential::Person(name)) if state.person_grant(name).is_none() => {
            Err(Refusal::IdentityNotAllowed)
        }
        (None, _) => Err(Refusal::DeviceIdentityRequired),
        (Some(device), Credential::DeviceToken(token)) => by_token(state, knock, &device, *token),
        // What the code gave, even if it asked for more.
        (Some(device), Credential::Redeemed) => enter(state, knock, &device),
        (Some(device), _) => by_secret(state, knock, &device),
    }
}

/// Whoever holds something without being a device.
fn as_subject(
    state: &Registry,
    knock: &Knock<'_>,
    principal: Principal,
) -> Result<Admission, Refusal> {
    let subject = principal.subject();
    subject.as_ref().and_then(Item::of).map_or(Ok(()), |item| state.not_under_review(item))?;
    let held = subject.and_then(|subject| state.held(&subject, knock.locality));
    let refusal = match principal {
        Principal::Person(_) => Refusal::IdentityNotAllowed,
        _ => Refusal::GrantEnded,
    };
    let held = held.ok_or(refusal)?;
    let scopes = knock.of(&held.scopes);
    Ok(Admission::Enter(Standing { principal, role: knock.role, scopes, grant: held.grant }))
}

fn by_token(
    state: &Registry,
    knock: &Knock<'_>,
    device: &ProvenDevice<'_>,
    token: TokenHash,
) -> Result<Admission, Refusal> {
    let known = state.device(device.id);
    let grant = known
        .and_then(|known| known.grants.get(&knock.role))
        .filter(|grant| grant.is_token(token))
        .ok_or(Refusal::DeviceTokenMismatch)?;
    state.not_under_review(Item::Device(device.id, knock.role))?;
    if known.is_some_and(|known| claims_something_else(known, device)) {
        return Ok(Admission::Pair(PairingReason::MetadataUpgrade));
    }
    match grant.scopes.first_missing(&knock.asked()) {
        Some(missing) => {
            Err(Refusal::DeviceScopeMismatch { missing, granted: grant.scopes.clone() })
        }
        None => enter(state, knock, device),
    }
}

fn by_secret(
    state: &Registry,
    knock: &Knock<'_>,
    device: &ProvenDevice<'_>,
) -> Result<Admission, Refusal> {
    let Some(known) = state.device(device.id).filter(|known| !known.grants.is_empty()) else {
        return Ok(Admission::Pair(PairingReason::NotPaired));
    };
    let Some(grant) = known.grants.get(&knock.role) else {
        return Ok(Admission::Pair(PairingReason::RoleUpgrade));
    };
    state.not_under_review(Item::Device(device.id, knock.role))?;
    if claims_something_else(known, device) {
        return Ok(Admission::Pair(PairingReason::MetadataUpgrade));
    }
    if !grant.scopes.covers(&knock.asked()) {
        return Ok(Admission::Pair(PairingReason::ScopeUpgrade));
    }
    enter(state, knock, device)
}

fn enter(
    state: &Registry,
    knock: &Knock<'_>,
    device: &ProvenDevice<'_>,
) -> Result<Admission, Refusal> {
    let principal = Principal::Device(device.id, knock.role);
    let held = state.held(&Subject::Device(device.id, knock.role), knock.locality);
    let held = held.ok_or(Refusal::GrantEnded)?;
    let scopes = knock.of(&held.scopes);
    Ok(Admission::Enter(Standing { principal, role: knock.role, scopes, grant: held.grant }))
}

impl Registry {
    /// The device whose current token as an operator hashes to this. A token that was replaced is good
    /// to fetch another one with, which takes the key; as a bearer it is good for nothing.
    pub fn bearer(&self, token: TokenHash) -> Option<DeviceId> {
        let is_its = |device: &Device| {
            let grant = device.grants.get(&Role::Operator);
            let current = grant.and_then(|grant| grant.token.as_ref());
            current.is_some_and(|ours| same_digest(&ours.hash.0, &token.0))
        };
        self.devices().find(|(_, device)| is_its(device)).map(|(id, _)| id)
    }
}

impl Grant {
    /// Whether this is the hash of its token, or of one that the device may still fetch another with.
    pub fn is_token(&self, token: TokenHash) -> bool {
        let is_current = self.token.is_some_and(|ours| same_digest(&ours.hash.0, &token.0));
        is_current | self.is_retired(token)
    }

    /// Whether this is the hash of a token that was replaced and is good to fetch another one with.
    pub fn is_retired(&self, token: TokenHash) -> bool {
        self.retired.iter().fold(false, |found, old| found | same_digest(&old.0, &token.0))
    }
}

/// Whether the device claims another platform than it was approved with, without signing the claim.
///
/// A signed claim comes from the holder of the approved key, so it is noted and needs no approval;
/// an unsigned one could be anyone's who replays the rest. A device that claims nothing claims
/// nothing else.
fn claims_something_else(known: &Device, device: &ProvenDevice<'_>) -> bool {
    let differs = |approved: &str, claimed: &str| {
        !claimed.is_empty() && !approved.trim().eq_ignore_ascii_case(claimed.trim())
    };
    let (approved, claimed) = (&known.profile, device.profile);
    let family = |profile: &Profile| profile.device_family.clone().unwrap_or_default();
    !device.profile_signed
        && (differs(&approved.platform, &claimed.platform)
            || differs(&family(approved), &family(claimed)))
}
