//! A list of keys that need no approval: who is to hold what, written down in a file (N17 A17.2).
//!
//! The host adopts a list as a whole, with the file's hash in the record; adopting the same list
//! again changes nothing. A device whose key is taken off the list, or is to hold something else,
//! loses its grant if the list gave it; what people gave stays. The rule adds nothing to what
//! people gave, so that the two can be told apart.

use std::collections::BTreeMap;

use super::{ApprovedBy, Event, Registry};
use crate::domain::{
    ids::{DeviceId, PublicKey, Seq},
    operation::Operation,
    permit::Permit,
    refusal::Refusal,
    scope::{Role, ScopeSet},
};

/// How many keys a list may have: with labels and scopes it still fits into one record of 64 KiB.
pub const KEYS_MAX: usize = 256;

/// A list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyList {
    /// SHA-256 of the file.
    pub file_hash: [u8; 32],
    /// The keys.
    pub keys: BTreeMap<PublicKey, ListedKey>,
}

/// What a listed key is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// A name to show.
    pub label: String,
    /// In which role.
    pub role: Role,
    /// The scopes.
    pub scopes: ScopeSet,
}

pub(super) fn adopt(
    state: &Registry,
    permit: &Permit,
    list: KeyList,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::AdoptKeys)?;
    if list.keys.len() > KEYS_MAX {
        return Err(Refusal::LimitReached { what: "listed keys" });
    }
    if state.keys().is_some_and(|(_, current)| current.keys == list.keys) {
        return Ok(vec![]);
    }
    let reason = || Some(String::from("the list of keys says otherwise"));
    let revoked = state.stranded_by(&list).map(|(device, role)| Event::GrantRevoked {
        device,
        role,
        reason: reason(),
        bars: false,
    });
    let revoked: Vec<_> = revoked.collect();
    state.leave_an_admin(&revoked)?;
    Ok([Event::KeysAdopted(list)].into_iter().chain(revoked).collect())
}

impl Registry {
    /// The list in force, and the record that adopted it.
    pub fn keys(&self) -> Option<(Seq, &KeyList)> {
        self.keys.as_ref().map(|(seq, list)| (*seq, &**list))
    }

    /// Whether a key is on the list in force, in this role.
    pub fn is_listed(&self, key: &PublicKey, role: Role) -> bool {
        let listed = self.keys().and_then(|(_, list)| list.keys.get(key));
        listed.is_some_and(|listed| listed.role == role)
    }

    /// The grants that the list in force gave and `list` would not.
    fn stranded_by(&self, list: &KeyList) -> impl Iterator<Item = (DeviceId, Role)> {
        self.devices().flat_map(move |(id, device)| {
            let listed = list.keys.get(&device.public_key);
            device.grants.iter().filter_map(move |(role, grant)| {
                let given = grant.lasting().filter(|lasting| lasting.by == ApprovedBy::KeyList)?;
                let fits = listed
                    .is_some_and(|key| key.role == *role && key.scopes.covers(&given.baseline));
                (!fits).then_some((id, *role))
            })
        })
    }
}
