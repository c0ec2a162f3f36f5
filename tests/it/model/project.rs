//! What tells two states apart. Places in the ledger, ids and hashes are left out: what counts of them
//! is which came first.

use std::hash::{DefaultHasher, Hash, Hasher};

use doorward::domain::{
    ids::DeviceId,
    registry::{CredentialClass, Device, Grant, LockKey, state::Lasting},
    scope::{Known, Role, Scope, ScopeSet},
};

use super::waiting::status;
use super::world::{DEVICES, Holder, TOKEN, World, device};

/// A state in one number; two states with the same one go on alike.
pub fn key(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    for n in 0..DEVICES {
        of_device(world, n).hash(&mut hasher);
    }
    of_house(world).hash(&mut hasher);
    world.shadow.summary().hash(&mut hasher);
    hasher.finish()
}

/// Whether everyone holds the same here and there.
pub fn same_holdings(one: &World, other: &World) -> bool {
    let holdings = |world: &World| {
        let devices = (0..DEVICES).map(|n| world.registry.device(device(n)));
        let grants = devices.map(|device| {
            device.map(|device| {
                device
                    .grants
                    .iter()
                    .map(|(role, grant)| (*role, of_grant(grant)))
                    .collect::<Vec<_>>()
            })
        });
        (grants.collect::<Vec<_>>(), of_token(world))
    };
    let mut hashes = [one, other].map(|world| {
        let mut hasher = DefaultHasher::new();
        holdings(world).hash(&mut hasher);
        hasher.finish()
    });
    let [one, other] = &mut hashes;
    one == other
}

fn names(scopes: &ScopeSet) -> u16 {
    let known = Known::ALL.iter().enumerate();
    let named = known.filter(|(_, known)| scopes.names(&Scope::Known(**known)));
    named.fold(0, |bits, (index, _)| bits | 1 << index)
}

fn of_device(world: &World, n: u8) -> impl Hash {
    let registry = &world.registry;
    let id: DeviceId = device(n);
    let waits = [Role::Operator, Role::Node].map(|role| {
        let (id, request) = registry.request_of(id, role)?;
        // An id may wait and be closed at once only if a law is broken.
        Some((names(&request.scopes), registry.closure(id).is_some()))
    });
    let closed = [Role::Operator, Role::Node].map(|role| world.closed.contains_key(&(n, role)));
    let (dead, ghosts) = [Holder::Operator(n), Holder::Node(n)]
        .map(|holder| (world.dead.contains_key(&holder), world.ghosts.contains_key(&holder)))
        .into();
    let described = registry.device(id).map(of_profile);
    let grants = [Role::Operator, Role::Node].map(|role| {
        let grant = registry.grant(id, role)?;
        let token = grant.token.map(|token| token.seq < newest(grant));
        Some((of_grant(grant), token, grant.retired.len().min(2)))
    });
    let held = [Holder::Operator(n), Holder::Node(n)]
        .map(|holder| registry.hold_on(holder.item()).is_some());
    (waits, closed, dead, ghosts, described, grants, registry.is_barred(id), held)
}

fn of_profile(device: &Device) -> impl Hash + use<> {
    (device.profile.platform.is_empty(), device.label.is_some())
}

/// The newest record that gave something to it.
fn newest(grant: &Grant) -> doorward::domain::ids::Seq {
    let beneath = grant.ends.as_ref().and_then(|ending| ending.leaves.as_ref());
    beneath.map_or(grant.seq, |lasting| lasting.seq.max(grant.seq))
}

fn of_grant(grant: &Grant) -> impl Hash + use<> {
    let ends =
        grant.ends.as_ref().map(|ending| (ending.at.0, ending.leaves.as_ref().map(of_lasting)));
    let bits = (names(&grant.baseline), names(&grant.scopes));
    (bits, ends, grant.by as u8, grant.ceiling.clone(), grant.ephemeral)
}

fn of_lasting(lasting: &Lasting) -> impl Hash + use<> {
    let bits = (names(&lasting.baseline), names(&lasting.scopes));
    (bits, lasting.by as u8, lasting.ceiling.clone(), lasting.ephemeral)
}

fn of_token(world: &World) -> impl Hash + use<> {
    let token = world.registry.service_token(TOKEN);
    token.map(|token| (names(&token.scopes), token.until.map(|end| end.0), token.ceiling.clone()))
}

fn of_house(world: &World) -> impl Hash + use<> {
    let registry = &world.registry;
    let token = (of_token(world), world.dead.contains_key(&Holder::Token));
    let ghosts = [Holder::Token, Holder::Shared].map(|holder| world.ghosts.contains_key(&holder));
    let key = LockKey { class: CredentialClass::SharedSecret, address: None };
    let held =
        [Holder::Token, Holder::Shared].map(|holder| registry.hold_on(holder.item()).is_some());
    let (locked, begun) = (registry.lockout(&key).is_some(), registry.gateway_key().is_some());
    (token, ghosts, held, locked, begun, status(registry), world.clock)
}
