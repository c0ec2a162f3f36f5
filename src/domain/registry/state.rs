//! What the events add up to.
//!
//! The maps are persistent (`imbl`), so that a clone costs a few pointers: the owning actor decides
//! on its working copy while everyone else reads the last committed one, without a lock. They are
//! ordered, so that two folds of the same ledger are equal down to the order of iteration.

use std::{collections::BTreeMap, sync::Arc};

use imbl::{OrdMap, OrdSet};

use super::{
    ApprovedBy, LockKey, Policy, Profile, ServiceToken, SetupCode,
    approvals::Approvals,
    hold::{Hold, Item},
    keys::KeyList,
    lockout::Lockout,
};
use crate::domain::{
    ids::{CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
    principal::{Principal, SecretKind, Subject},
    refusal::{PairingReason, Refusal},
    scope::{Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

/// A device's token, as far as the gateway knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuedToken {
    /// Its hash.
    pub hash: TokenHash,
    /// When it was handed out.
    pub issued_at: UnixMillis,
    /// The record of that.
    pub seq: Seq,
}

/// How many replaced tokens of a grant are kept until the newest was used: as many fetches in a row
/// may have been lost on the way. It bounds what a client that never reads an answer can pile up.
pub const RETIRED_MAX: usize = 64;

/// What a device holds in one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The record that granted it.
    pub seq: Seq,
    /// The record with which the unbroken line of its grants began: a session that is older than
    /// this stood on something that has ended, whatever was granted since.
    pub line: Seq,
    /// When.
    pub at: UnixMillis,
    /// When the device was first granted anything in this role.
    pub since: UnixMillis,
    /// On whose word.
    pub by: ApprovedBy,
    /// On whose word exactly.
    pub approver: Option<Principal>,
    /// Everything that was approved.
    pub baseline: ScopeSet,
    /// What is in force; a rotation may have made it less than what was approved.
    pub scopes: ScopeSet,
    /// The token, once it was handed out.
    pub token: Option<IssuedToken>,
    /// Tokens that were replaced, oldest first, at most [`RETIRED_MAX`]: each is good to fetch
    /// another one with, until the newest was used. Any of them may be the last that the device was
    /// told of, because an answer can be lost.
    pub retired: Vec<TokenHash>,
    /// When the token was last replaced.
    pub rotated_at: Option<UnixMillis>,
    /// When it ends, if it does.
    pub ends: Option<Ending>,
    /// The role of the policy that lies on it.
    pub ceiling: Option<String>,
    /// Whether the device vanishes once it has disconnected.
    pub ephemeral: bool,
}

/// The end of a grant, and what is held for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: UnixMillis,
    /// What is left then; nothing, if nothing was held before.
    pub leaves: Option<Lasting>,
}

/// What is held for good, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// The record that granted it.
    pub seq: Seq,
    /// On whose word.
    pub by: ApprovedBy,
    /// On whose word exactly.
    pub approver: Option<Principal>,
    /// Everything that was approved.
    pub baseline: ScopeSet,
    /// What is in force of it.
    pub scopes: ScopeSet,
    /// The role of the policy that lies on it.
    pub ceiling: Option<String>,
    /// Whether the device vanishes once it has disconnected.
    pub ephemeral: bool,
}

impl Grant {
    /// What is held for good: all of it, or what lies beneath a grant with an end.
    pub fn lasting(&self) -> Option<Lasting> {
        match &self.ends {
            Some(ending) => ending.leaves.clone(),
            None => Some(Lasting {
                seq: self.seq,
                by: self.by,
                approver: self.approver.clone(),
                baseline: self.baseline.clone(),
                scopes: self.scopes.clone(),
                ceiling: self.ceiling.clone(),
                ephemeral: self.ephemeral,
            }),
        }
    }

    /// Whether nothing of it keeps a device that has disconnected.
    pub fn vanishes(&self) -> bool {
        self.ephemeral && self.lasting().is_none_or(|lasting| lasting.ephemeral)
    }

    /// The newest record that gave something to it.
    pub(super) fn grown(&self) -> Seq {
        let beneath = self.ends.as_ref().and_then(|ending| ending.leaves.as_ref());
        beneath.map_or(self.seq, |lasting| lasting.seq.max(self.seq))
    }
}

/// A paired device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its key.
    pub public_key: PublicKey,
    /// What it says about itself.
    pub profile: Profile,
    /// The name that an operator gave it.
    pub label: Option<String>,
    /// When it was first paired.
    pub paired_at: UnixMillis,
    /// When it was last here, to the day.
    pub seen_at: UnixMillis,
    /// What it holds, by role. Boxed, because a map has room for eleven where there is one.
    pub grants: BTreeMap<Role, Box<Grant>>,
}

impl Device {
    /// Whether it is gone once it has disconnected.
    pub fn vanishes(&self) -> bool {
        !self.grants.is_empty() && self.grants.values().all(|grant| grant.vanishes())
    }
}

/// The shared secret in force, as far as the ledger knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdoptedSecret {
    /// The record that put it in force.
    pub seq: Seq,
    /// When.
    pub at: UnixMillis,
    /// Its kind.
    pub kind: SecretKind,
    /// Its keyed digest.
    pub fingerprint: TokenHash,
}

/// A request that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingRequest {
    /// Who asks.
    pub device: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// In which role.
    pub role: Role,
    /// For which scopes.
    pub scopes: ScopeSet,
    /// Why.
    pub reason: PairingReason,
    /// What it says about itself.
    pub profile: Profile,
    /// Where it asks from.
    pub address: Option<String>,
    /// When it first asked.
    pub asked: Stamp,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closure {
    /// It was approved.
    Approved,
    /// It was turned down or withdrawn.
    Rejected,
    /// It ran out.
    Expired,
    /// Another one took its place.
    Superseded(RequestId),
}

/// The whole state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    pub(super) gateway_key: Option<PublicKey>,
    pub(super) policy: Option<(Seq, Arc<Policy>)>,
    pub(super) devices: OrdMap<DeviceId, Arc<Device>>,
    pub(super) pending: OrdMap<RequestId, Arc<PairingRequest>>,
    pub(super) asking: OrdMap<(DeviceId, Role), RequestId>,
    pub(super) closed: OrdMap<RequestId, (Seq, Closure)>,
    pub(super) closed_order: OrdMap<Seq, RequestId>,
    pub(super) barred: OrdMap<DeviceId, Seq>,
    pub(super) secret: Option<AdoptedSecret>,
    pub(super) tokens: OrdMap<TokenId, Arc<ServiceToken>>,
    pub(super) token_by_hash: OrdMap<TokenHash, TokenId>,
    pub(super) codes: OrdMap<CodeId, Arc<SetupCode>>,
    pub(super) code_by_hash: OrdMap<TokenHash, CodeId>,
    pub(super) keys: Option<(Seq, Arc<KeyList>)>,
    pub(super) lockouts: OrdMap<LockKey, Arc<Lockout>>,
    pub(super) approvals: Approvals,
    pub(super) held: OrdMap<Item, Hold>,
    /// Derived from `devices` and `tokens`, and rebuilt from them by [`Registry::administering`]: whose
    /// scopes hold `operator.admin`, whatever ceiling lies on them. `apply` keeps it (INV-9), so that
    /// nobody has to look at every device for the few that may be admins.
    pub(super) admin_index: OrdSet<Subject>,
}

impl Registry {
    /// The gateway's own key, once the ledger has begun.
    pub fn gateway_key(&self) -> Option<PublicKey> {
        self.gateway_key
    }

    /// The policy in force, and the record that put it there.
    pub fn policy(&self) -> Option<(Seq, &Policy)> {
        self.policy.as_ref().map(|(seq, policy)| (*seq, &**policy))
    }

    /// A paired device.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id).map(|device| &**device)
    }

    /// Every paired device, by id.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        self.devices.iter().map(|(id, device)| (*id, &**device))
    }

    /// How many devices are paired.
    pub fn device_count(&self) -> usize {
        self.devices.len()
    }

    /// How many requests wait.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The shared secret in force.
    pub fn secret(&self) -> Option<AdoptedSecret> {
        self.secret
    }

    /// What became of a request, if it is still remembered.
    pub fn closure(&self, id: RequestId) -> Option<Closure> {
        self.closed.get(&id).map(|(_, closure)| *closure)
    }

    /// What a device holds in a role.
    pub fn grant(&self, id: DeviceId, role: Role) -> Option<&Grant> {
        self.device(id)?.grants.get(&role).map(|grant| &**grant)
    }

    /// A request that waits.
    pub fn pending(&self, id: RequestId) -> Option<&PairingRequest> {
        self.pending.get(&id).map(|request| &**request)
    }

    /// Every request that waits, by id.
    pub fn all_pending(&self) -> impl Iterator<Item = (RequestId, &PairingRequest)> {
        self.pending.iter().map(|(id, request)| (*id, &**request))
    }

    /// The request with which a device asks for a role.
    pub fn request_of(&self, device: DeviceId, role: Role) -> Option<(RequestId, &PairingRequest)> {
        let id = *self.asking.get(&(device, role))?;
        Some((id, self.pending(id)?))
    }

    /// What waits for a person, and what became of what did.
    pub fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// Whether no rule may approve this device by itself, because someone turned it down.
    pub fn is_barred(&self, device: DeviceId) -> bool {
        self.barred.contains_key(&device)
    }

    /// The request, or why there is none.
    pub(super) fn find_pending(&self, id: RequestId) -> Result<&PairingRequest, Refusal> {
        self.pending(id).ok_or_else(|| match self.closed.get(&id) {
            None => Refusal::UnknownRequest,
            Some((_, Closure::Superseded(by))) => Refusal::RequestSuperseded { by: self.heir(*by) },
            Some((_, Closure::Approved)) => Refusal::RequestClosed { how: "approved" },
            Some((_, Closure::Rejected)) => Refusal::RequestClosed { how: "rejected" },
            Some((_, Closure::Expired)) => Refusal::RequestClosed { how: "expired" },
        })
    }

    /// The end of a chain of superseded requests.
    fn heir(&self, mut id: RequestId) -> RequestId {
        while let Some((_, Closure::Superseded(by))) = self.closed.get(&id) {
            id = *by;
        }
        id
    }
}
