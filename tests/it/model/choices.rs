//! What there is to try in a state of the small house.

use doorward::domain::{registry::Access, scope::Role};

use super::{
    action::{Action, Fetch, Limit, What, request_of},
    waiting::Waiting,
    world::{DEVICES, Holder, LATER, SOON, Who, World, device},
};

impl Action {
    /// Everything that there is to try here; most of it is refused.
    pub fn all(world: &World) -> Vec<Self> {
        let mut all = vec![
            Self::LockOut,
            Self::Start(0),
            Self::Start(1),
            Self::Keys(None),
            Self::End(Holder::Token),
            Self::Lose,
        ];
        (0..DEVICES).for_each(|n| all.extend(by_itself(n)));
        let pending = (0..DEVICES).flat_map(|n| [(n, Role::Operator), (n, Role::Node)]);
        for (n, role) in pending.filter(|(n, role)| request_of(world, *n, *role).is_some()) {
            all.push(Self::Expire(n, role));
            all.extend(askers(world).map(|who| Self::Reject(n, role, who)));
            for limit in LIMITS {
                all.extend(askers(world).map(|who| Self::Approve(n, role, who, limit)));
            }
        }
        all.extend(askers(world).flat_map(|who| of_everyone(world, who)));
        all.extend(Waiting::all(world, askers(world)).into_iter().map(Self::Person));
        all
    }
}

const LIMITS: [Limit; 7] = [
    (None, None, false),
    (Some(SOON), None, false),
    (Some(LATER), None, false),
    (None, Some("clerk"), false),
    (None, Some("reader"), false),
    (Some(SOON), Some("reader"), false),
    (None, None, true),
];

/// What a device may ask for, and do about what it has.
fn by_itself(n: u8) -> Vec<Action> {
    use Action::*;
    let (operator, node) = (Role::Operator, Role::Node);
    let mut all = vec![Ask(n, node, ""), Nearby(n), Listed(n), Redeem(n, false), Redeem(n, true)];
    all.extend(["read", "pairing", "admin"].map(|scopes| Ask(n, operator, scopes)));
    all.extend(["read", "admin"].map(|scopes| Local(n, scopes)));
    for role in [operator, node] {
        let fetches = [Fetch::First, Fetch::Replaced, Fetch::Upgraded];
        all.extend(fetches.map(|fetch| Issue(n, role, fetch)));
        all.push(Confirm(n, role));
    }
    all.extend([Describe(n), Seen(n), Vanish(n), End(Holder::Operator(n)), End(Holder::Node(n))]);
    all.extend(["read", "admin"].map(|scopes| Keys(Some((n, scopes)))));
    all
}

/// What somebody may do to whoever is paired, and to the house.
fn of_everyone(world: &World, who: Who) -> Vec<Action> {
    use Action::*;
    let mut all = vec![Secret(who), Replace(who), Drop(who), Clear(who), Note(who)];
    let ends = [None, Some(SOON), Some(LATER)];
    all.extend(ends.map(|until| Create(who, "read pairing", until)));
    all.push(Create(who, "admin", None));
    if !world.shadow.code_waits() {
        all.extend([Access::Full, Access::Limited, Access::Node].map(|access| Code(who, access)));
    }
    let roles = [None, Some("reader"), Some("clerk")];
    all.extend(roles.map(|role| Ceiling(Holder::Token, who, role)));
    all.extend([What::All, What::Rules, What::Of(Holder::Token)].map(|what| Release(what, who)));
    for (n, _) in (0..DEVICES).filter_map(|n| Some((n, world.registry.device(device(n))?))) {
        all.extend([Remove(n, who), Rename(n, who)]);
        all.extend([Holder::Operator(n), Holder::Node(n)].map(|of| Release(What::Of(of), who)));
        all.extend([Role::Operator, Role::Node].map(|role| Revoke(n, role, who)));
        let scopes = [None, Some("read"), Some("admin")];
        all.extend(scopes.map(|scopes| Rotate(n, Role::Operator, who, scopes)));
        all.push(Rotate(n, Role::Node, who, None));
        all.extend(roles.map(|role| Ceiling(Holder::Operator(n), who, role)));
    }
    all
}

/// Everyone who is there to ask for something.
fn askers(world: &World) -> impl Iterator<Item = Who> {
    let devices = (0..DEVICES).map(|n| Who::Session(Holder::Operator(n)));
    let others = [Who::Session(Holder::Token), Who::Session(Holder::Shared), Who::Narrow(0)];
    let all = [Who::Host, Who::Forced].into_iter().chain(devices).chain(others);
    all.filter(|who| world.standing(*who).is_some())
}
