//! What somebody was given, gift by gift, and what of it may be used now and later.

use doorward::domain::{
    registry::Registry,
    scope::{Known, Role, ScopeSet},
};

use super::world::{DEVICES, Holder, TOKEN, device, policy};

/// Everything that a set of scopes satisfies, one bit for each known scope.
pub type Bits = u16;

pub const ALL: Bits = (1 << Known::ALL.len()) - 1;
pub const ADMIN: Bits = 1;

/// What it satisfies.
pub fn bits(scopes: &ScopeSet) -> Bits {
    let known = Known::ALL.iter().enumerate().filter(|(_, known)| scopes.satisfies_known(**known));
    known.fold(0, |bits, (index, _)| bits | 1 << index)
}

/// Something given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gift {
    /// All of it; a rotation may give it back.
    pub base: Bits,
    /// What is in force of it.
    pub force: Bits,
    /// When it ends.
    pub until: Option<u64>,
    /// Whether the list of keys gave it.
    pub listed: bool,
}

/// What somebody was given, and the roles that lie on it: on all of it while some of it has an end,
/// and on what is given for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Claim {
    pub gifts: Vec<Gift>,
    pub over: Option<&'static str>,
    pub beneath: Option<&'static str>,
}

impl Claim {
    pub fn passes(&self) -> bool {
        self.gifts.iter().any(|gift| gift.until.is_some())
    }

    pub fn sum(&self, counts: impl Fn(&Gift) -> bool) -> Bits {
        let gifts = self.gifts.iter().filter(|gift| counts(gift));
        gifts.fold(0, |bits, gift| bits | gift.force)
    }

    /// What may be used now.
    pub fn now(&self, policy: u8) -> Bits {
        let over = if self.passes() { self.over } else { self.beneath };
        self.sum(|_| true) & most(over, policy)
    }

    /// What may be used now and at least until then.
    pub fn at_least(&self, until: Option<u64>, policy: u8) -> Bits {
        let lasts = |gift: &Gift| gift.until.is_none_or(|end| until.is_some_and(|at| at <= end));
        let beneath = self.sum(|gift| gift.until.is_none()) & most(self.beneath, policy);
        let over = self.sum(|gift| gift.until.is_some() && lasts(gift)) & most(self.over, policy);
        (beneath | over) & self.now(policy)
    }

    pub fn give(&mut self, bits: Bits, until: Option<u64>, listed: bool) {
        let gift = Gift { base: bits, force: bits, until, listed };
        if !self.gifts.contains(&gift) {
            self.gifts.push(gift);
            self.gifts.sort_by_key(|gift| (gift.until, gift.force, gift.base, gift.listed));
        }
    }
}

/// What a role leaves; one that the policy does not have leaves nothing.
pub fn most(ceiling: Option<&str>, n: u8) -> Bits {
    let Some(name) = ceiling else { return ALL };
    policy(n).ceilings.get(name).map(bits).unwrap_or_default()
}

/// What somebody holds by the registry's own words, without the registry's arithmetic: now, and for
/// good.
fn held(registry: &Registry, holder: Holder, policy: u8) -> (Bits, Bits) {
    if registry.hold_on(holder.item()).is_some() {
        return (0, 0);
    }
    let cap = |scopes, ceiling: &Option<String>| bits(scopes) & most(ceiling.as_deref(), policy);
    let grant = match holder {
        Holder::Operator(n) => registry.grant(device(n), Role::Operator),
        Holder::Node(n) => registry.grant(device(n), Role::Node),
        Holder::Token => {
            let Some(token) = registry.service_token(TOKEN) else { return (0, 0) };
            let now = cap(&token.scopes, &token.ceiling);
            return (now, if token.until.is_none() { now } else { 0 });
        }
        Holder::Shared => return (0, 0),
    };
    let Some(grant) = grant else { return (0, 0) };
    let now = cap(&grant.scopes, &grant.ceiling);
    let good = match &grant.ends {
        None => now,
        Some(ending) => match &ending.leaves {
            Some(lasting) => now & cap(&lasting.scopes, &lasting.ceiling),
            None => 0,
        },
    };
    (now, good)
}

/// How well there are admins: nobody, some until some time, some for good. `without` loses what ends.
pub fn admins(registry: &Registry, policy: u8, without: Option<Holder>) -> u8 {
    let holders = (0..DEVICES).map(Holder::Operator).chain([Holder::Token]);
    let levels = holders.map(|holder| {
        let (now, good) = held(registry, holder, policy);
        let now = if without == Some(holder) { good } else { now };
        if good & ADMIN != 0 { 2 } else { u8::from(now & ADMIN != 0) }
    });
    levels.max().unwrap_or(0)
}

/// Whether the end of what somebody holds would leave fewer admins than there are.
pub fn is_held_back(registry: &Registry, policy: u8, holder: Holder) -> bool {
    admins(registry, policy, Some(holder)) < admins(registry, policy, None)
}
