//! A state taken apart, for those who keep it elsewhere than in memory.
//!
//! Both ways name every field, so that one which is added cannot be forgotten by them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{
    Device, LockKey, PairingRequest, Policy, Registry, ServiceToken, SetupCode,
    approvals::Approvals,
    hold::{Hold, Item},
    keys::KeyList,
    lockout::Lockout,
    state::{AdoptedSecret, Closure},
};
use crate::domain::{
    ids::{CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
    scope::Role,
};

/// Everything that a [`Registry`] consists of; whoever puts one together must
/// have it from a state, for nothing is checked.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The gateway's own key.
    pub gateway_key: Option<PublicKey>,
    /// The policy in force, and the record that put it there.
    pub policy: Option<(Seq, Arc<Policy>)>,
    /// Paired devices.
    pub devices: OrdMap<DeviceId, Arc<Device>>,
    /// Requests that wait.
    pub pending: OrdMap<RequestId, Arc<PairingRequest>>,
    /// Which of them is that of a device and role.
    pub asking: OrdMap<(DeviceId, Role), RequestId>,
    /// What became of the requests that are remembered, and by which record.
    pub closed: OrdMap<RequestId, (Seq, Closure)>,
    /// These, the oldest first.
    pub closed_order: OrdMap<Seq, RequestId>,
    /// Devices that no rule approves by itself, and since which record.
    pub barred: OrdMap<DeviceId, Seq>,
    /// The shared secret in force.
    pub secret: Option<AdoptedSecret>,
    /// Service tokens.
    pub tokens: OrdMap<TokenId, Arc<ServiceToken>>,
    /// Whose secret has this hash.
    pub token_by_hash: OrdMap<TokenHash, TokenId>,
    /// Setup codes.
    pub codes: OrdMap<CodeId, Arc<SetupCode>>,
    /// Whose secret has this hash.
    pub code_by_hash: OrdMap<TokenHash, CodeId>,
    /// The list of keys in force, and the record that put it there.
    pub keys: Option<(Seq, Arc<KeyList>)>,
    /// Lockouts in force.
    pub lockouts: OrdMap<LockKey, Arc<Lockout>>,
    /// What waits for a person, and the last that did.
    pub approvals: Approvals,
    /// What is held for review.
    pub held: OrdMap<Item, Hold>,
}

/// Moves every field from one to the other, but for what is derived from the others.
macro_rules! moved {
    (
        $from:ident $(without $left:ident)?,
        $to:ident $(with $added:ident = $what:expr)?,
        $value:expr
    ) => {{
        let $from {
            gateway_key,
            policy,
            devices,
            pending,
            asking,
            closed,
            closed_order,
            barred,
            secret,
            tokens,
            token_by_hash,
            codes,
            code_by_hash,
            keys,
            lockouts,
            approvals,
            held,
            $($left: _,)?
        } = $value;
        $to {
            gateway_key,
            policy,
            devices,
            pending,
            asking,
            closed,
            closed_order,
            barred,
            secret,
            tokens,
            token_by_hash,
            codes,
            code_by_hash,
            keys,
            lockouts,
            approvals,
            held,
            $($added: $what,)?
        }
    }};
}

impl From<Registry> for Parts {
    fn from(state: Registry) -> Self {
        moved!(Registry without admin_index, Parts, state)
    }
}

impl From<Parts> for Registry {
    fn from(parts: Parts) -> Self {
        let mut state = moved!(Parts, Registry with admin_index = OrdSet::new(), parts);
        state.admin_index = state.administering();
        state
    }
}
