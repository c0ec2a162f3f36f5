//! What happens when a client knocks: it enters, it has to be approved first, or it is refused.
//!
//! Pure and read-only, on the last committed state: a known device is let in without a lock and
//! without a write. The proofs (secret, key, token) were checked by the service; this is what they
//! are worth.

use super::{Registry, state::Device};
use crate::{
    domain::{
        ids::{DeviceId, TokenHash},
        origin::Locality,
        principal::{Principal, SecretKind, Standing},
        refusal::{PairingReason, Refusal},
        scope::{Role, ScopeSet},
    },
    support::secret::same_digest,
};

use super::Profile;

/// What the client proved besides its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A shared secret.
    Secret(SecretKind),
    /// Nothing, where nothing is asked for.
    Open,
    /// A token that hashes to this.
    DeviceToken(TokenHash),
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
#[derive(Debug, Clone, Copy)]
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
}

impl Knock<'_> {
    /// The scopes that count. Scopes are for operators; a node holds none, whatever it names.
    fn asked(&self) -> ScopeSet {
        match self.role {
            Role::Operator => self.scopes.clone(),
            Role::Node => ScopeSet::empty(),
        }
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
    match (knock.device, knock.credential) {
        (None, Credential::DeviceToken(_)) => Err(Refusal::DeviceIdentityRequired),
        (None, credential) => without_device(state, knock, credential),
        (Some(device), Credential::DeviceToken(token)) => by_token(state, knock, &device, token),
        (Some(device), _) => by_secret(state, knock, &device),
    }
}

fn without_device(
    state: &Registry,
    knock: &Knock<'_>,
    credential: Credential,
) -> Result<Admission, Refusal> {
    let (grant, policy) = state.policy().ok_or(Refusal::GrantEnded)?;
    let principal = match credential {
        Credential::Secret(kind) if knock.role == Role::Operator => Principal::SharedSecret(kind),
        Credential::Open if knock.role == Role::Operator => Principal::Open,
        _ => return Err(Refusal::DeviceIdentityRequired),
    };
    let scopes = asked_within(&knock.asked(), &policy.secret_grant(knock.locality));
    Ok(Admission::Enter(Standing { principal, role: knock.role, scopes, grant }))
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
        .filter(|grant| grant.token.is_some_and(|ours| same_digest(&ours.hash.0, &token.0)))
        .ok_or(Refusal::DeviceTokenMismatch)?;
    if known.is_some_and(|known| claims_something_else(known, device)) {
        return Ok(Admission::Pair(PairingReason::MetadataUpgrade));
    }
    match grant.scopes.first_missing(&knock.asked()) {
        Some(missing) => {
            Err(Refusal::DeviceScopeMismatch { missing, granted: grant.scopes.clone() })
        }
        None => Ok(Admission::Enter(standing(knock, device, grant))),
    }
}

fn by_secret(
    state: &Registry,
    knock: &Knock<'_>,
    device: &ProvenDevice<'_>,
) -> Result<Admission, Refusal> {
    let Some(known) = state.device(device.id) else {
        return Ok(Admission::Pair(PairingReason::NotPaired));
    };
    let Some(grant) = known.grants.get(&knock.role) else {
        return Ok(Admission::Pair(PairingReason::RoleUpgrade));
    };
    if claims_something_else(known, device) {
        return Ok(Admission::Pair(PairingReason::MetadataUpgrade));
    }
    if !grant.scopes.covers(&knock.asked()) {
        return Ok(Admission::Pair(PairingReason::ScopeUpgrade));
    }
    Ok(Admission::Enter(standing(knock, device, grant)))
}

fn standing(knock: &Knock<'_>, device: &ProvenDevice<'_>, grant: &super::state::Grant) -> Standing {
    Standing {
        principal: Principal::Device(device.id, knock.role),
        role: knock.role,
        scopes: asked_within(&knock.asked(), &grant.scopes),
        grant: grant.seq,
    }
}

/// An empty request means "what I have": a client that asks for nothing must not end up with a
/// connection that can do nothing.
fn asked_within(asked: &ScopeSet, granted: &ScopeSet) -> ScopeSet {
    if asked.is_empty() { granted.clone() } else { granted.narrowed_to(asked) }
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
