//! The account beside the registry: who was given what by whom, written down from what was asked and
//! not refused, and knowing none of the registry's code but what satisfies what.
//!
//! It is an upper bound. A gift counts only as far as its giver could give it, and for as long as
//! the giver asked for; so whatever the registry holds beyond this account, nobody gave.

mod lists;
mod review;

use std::collections::{BTreeMap, BTreeSet};

use doorward::domain::{
    ids::TokenHash,
    registry::{Access, Grant, Registry},
    scope::Role,
};

use super::{
    action::{Action, Limit},
    claim::{ADMIN, ALL, Bits, Claim, Gift, bits, is_held_back, most},
    world::{DEVICES, Holder, Who, device, policy, set},
};

pub use review::Held;

/// The newest setup code.
#[derive(Debug, Clone, Copy)]
struct Code {
    maker: Who,
    hash: TokenHash,
    access: Access,
    used: bool,
    /// Whether what its maker stood on has ended since.
    orphaned: bool,
}

/// The account.
#[derive(Debug, Clone, Default)]
pub struct Shadow {
    claims: BTreeMap<Holder, Claim>,
    asked: BTreeMap<(u8, Role), Bits>,
    barred: BTreeSet<u8>,
    code: Option<Code>,
    policy: u8,
    list: Option<(u8, Bits)>,
    held: Held,
}

/// What a step changes beside gifts: those who lost all that they stood on.
pub type Lost = Vec<Holder>;

impl Shadow {
    pub fn policy(&self) -> u8 {
        self.policy
    }

    pub fn claim(&self, holder: Holder) -> Option<&Claim> {
        self.claims.get(&holder)
    }

    /// What may be used now, by what was given.
    pub fn now(&self, holder: Holder) -> Option<Bits> {
        if holder == Holder::Shared {
            return Some(bits(&policy(self.policy).loopback_scopes));
        }
        let claim = self.claims.get(&holder).filter(|_| !self.is_held(holder));
        claim.map(|claim| claim.now(self.policy))
    }

    /// The first end of what a holder was given.
    pub fn end(&self, holder: Holder) -> Option<u64> {
        self.claims.get(&holder)?.gifts.iter().filter_map(|gift| gift.until).min()
    }

    /// The newest setup code, its hash and what for.
    pub fn code(&self) -> Option<(TokenHash, Access)> {
        self.code.map(|code| (code.hash, code.access))
    }

    pub fn code_waits(&self) -> bool {
        self.code.is_some_and(|code| !code.used)
    }

    pub fn made_code(&mut self, maker: Who, hash: TokenHash, access: Access) {
        self.code = Some(Code { maker, hash, access, used: false, orphaned: false });
    }

    /// Everything in it that counts, for telling states apart.
    pub fn summary(&self) -> impl std::hash::Hash + '_ {
        let code = self.code.map(|code| (code.maker, code.access.name(), code.used, code.orphaned));
        (&self.claims, &self.asked, &self.barred, code, self.policy, self.list, &self.held)
    }

    /// What somebody could give away until then.
    fn gives(&self, registry: &Registry, who: Who, until: Option<u64>) -> Bits {
        let session = |holder: Holder| {
            let Some(claim) = self.claims.get(&holder) else { return 0 };
            if self.is_held(holder) {
                return 0;
            }
            // Whoever cannot lose it may give it.
            let stays = is_held_back(registry, self.policy, holder);
            if stays { claim.now(self.policy) } else { claim.at_least(until, self.policy) }
        };
        match who {
            Who::Host | Who::Forced => ALL,
            Who::Session(Holder::Shared) => self.now(Holder::Shared).unwrap_or(0),
            Who::Session(holder) => session(holder),
            Who::Narrow(n) => session(Holder::Operator(n)) & bits(&set("read pairing")),
        }
    }

    /// Takes down what was asked and not refused. `before` is the registry then, `after` now.
    ///
    /// # Errors
    /// If it could not have been done rightly, whatever it changed.
    pub fn note(
        &mut self,
        action: Action,
        before: &Registry,
        after: &Registry,
    ) -> Result<Lost, String> {
        self.may_be_given(action)?;
        let vanished = |n| before.device(device(n)).is_some() && after.device(device(n)).is_none();
        match action {
            Action::Release(what, who) => return self.released(before, what, who),
            Action::Ask(n, role, scopes) => drop(self.asked.insert((n, role), bits(&set(scopes)))),
            Action::Local(n, scopes) if !self.barred.contains(&n) => {
                let loopback = bits(&policy(self.policy).loopback_scopes);
                self.give(n, bits(&set(scopes)) & loopback, loopback);
            }
            Action::Nearby(n) => self.nearby(n),
            Action::Listed(n) => self.by_list(n),
            Action::Redeem(n, late) => return self.redeemed(before, n, late),
            Action::Approve(n, role, who, limit) => {
                self.approved(before, after, Holder::device(n, role), who, limit);
            }
            Action::Reject(n, role, who) => {
                self.asked.remove(&(n, role));
                if who != Who::Session(Holder::Operator(n)) {
                    self.barred.insert(n);
                }
            }
            Action::Expire(n, role) => drop(self.asked.remove(&(n, role))),
            Action::Rotate(n, Role::Operator, who, Some(scopes)) => {
                self.rotated(before, n, who, bits(&set(scopes)));
            }
            Action::Revoke(n, role, _) if self.claims.contains_key(&Holder::device(n, role)) => {
                // Where nothing was left, nothing was taken away.
                let bars = before.grant(device(n), role).is_some();
                return Ok(self.taken(n, &[role], bars));
            }
            Action::Remove(n, _) => {
                return Ok(self.taken(n, &[Role::Operator, Role::Node], true));
            }
            Action::Vanish(n) if vanished(n) => {
                return Ok(self.taken(n, &[Role::Operator, Role::Node], false));
            }
            Action::Ceiling(holder, who, ceiling) => self.put_under(before, holder, who, ceiling),
            Action::End(holder) => return Ok(self.ended(before, holder)),
            Action::Create(who, scopes, until) => {
                let gift = bits(&set(scopes)) & self.gives(before, who, until);
                let mut claim = Claim::default();
                claim.give(gift, until, false);
                self.claims.insert(Holder::Token, claim);
            }
            Action::Drop(_) => return Ok(self.lose(Holder::Token)),
            Action::Replace(who) => return self.replaced(before, who),
            Action::Secret(who) => {
                let beyond = self.now(Holder::Shared).unwrap_or(0) & !self.gives(before, who, None);
                self.orphan(Holder::Shared);
                let taken = || format!("{who:?} set a secret for more than it holds");
                return if beyond == 0 { Ok(vec![Holder::Shared]) } else { Err(taken()) };
            }
            Action::Keys(list) => {
                return Ok(self.keys(list.map(|(n, scopes)| (n, bits(&set(scopes))))));
            }
            Action::Start(n) => self.policy = n,
            _ => {}
        }
        Ok(vec![])
    }

    fn lose(&mut self, holder: Holder) -> Lost {
        self.orphan(holder);
        self.end_hold(holder);
        self.claims.remove(&holder).map(|_| holder).into_iter().collect()
    }

    fn orphan(&mut self, holder: Holder) {
        if let Some(code) = self.code.as_mut().filter(|code| code.maker.stands_on() == Some(holder))
        {
            code.orphaned = true;
        }
    }

    fn taken(&mut self, n: u8, roles: &[Role], bars: bool) -> Lost {
        if bars {
            self.barred.insert(n);
        }
        for role in roles {
            self.asked.remove(&(n, *role));
        }
        roles.iter().flat_map(|role| self.lose(Holder::device(n, *role))).collect()
    }

    /// Gives an operator something for good, with what it holds for good already, as far as the giver
    /// has that too. What had an end and is given for good now has no end any more.
    fn give(&mut self, n: u8, bits: Bits, gives: Bits) {
        let claim = self.claims.entry(Holder::Operator(n)).or_default();
        let good = claim.sum(|gift| gift.until.is_none());
        if claim.passes() && good == 0 {
            claim.beneath = claim.over;
        }
        claim.give((bits | good) & gives, None, false);
        claim.gifts.retain(|gift| !gift.listed);
        let good = claim.sum(|gift| gift.until.is_none());
        if claim.sum(|_| true) & !good == 0 {
            claim.gifts.retain(|gift| gift.until.is_none());
        }
    }

    fn nearby(&mut self, n: u8) {
        let known = [Holder::Operator(n), Holder::Node(n)];
        if known.iter().all(|holder| !self.claims.contains_key(holder)) && !self.barred.contains(&n)
        {
            self.asked.remove(&(n, Role::Node));
            self.claims.entry(Holder::Node(n)).or_default().give(0, None, false);
        }
    }

    fn redeemed(&mut self, before: &Registry, n: u8, late: bool) -> Result<Lost, String> {
        let code = self.code.as_mut().ok_or("there was no code")?;
        if late || code.used {
            return Err("a code was good after its end".into());
        }
        code.used = true;
        let Code { maker, access, orphaned, .. } = *code;
        let gives = if orphaned { 0 } else { self.gives(before, maker, None) };
        if access == Access::Node {
            self.barred.remove(&n);
            self.asked.remove(&(n, Role::Node));
            if gives & ADMIN != 0 {
                self.claims.entry(Holder::Node(n)).or_default().give(0, None, false);
            }
            return Ok(vec![]);
        }
        let gift = bits(&access.scopes()) & gives;
        let claim = self.claims.entry(Holder::Operator(n)).or_default();
        let listed = claim.sum(|gift| gift.listed);
        if claim.gifts.iter().any(|gift| gift.listed) {
            // What the list gave stays the list's; what goes beyond it takes its place.
            if gift & !listed == 0 {
                return Ok(vec![]);
            }
            claim.gifts.retain(|gift| !gift.listed);
        }
        self.barred.remove(&n);
        self.asked.remove(&(n, Role::Operator));
        self.give(n, gift, gives);
        Ok(vec![])
    }

    fn approved(
        &mut self,
        before: &Registry,
        after: &Registry,
        holder: Holder,
        who: Who,
        (until, named, _): Limit,
    ) {
        let (Holder::Operator(n) | Holder::Node(n)) = holder else { return };
        let role = if holder == Holder::Node(n) { Role::Node } else { Role::Operator };
        let Some(asked) = self.asked.remove(&(n, role)) else { return };
        // One end for all that has one: it may be earlier than what was asked for, never later.
        let ends = |grant: &Grant| grant.ends.as_ref().map(|ending| ending.at.0);
        let end = after.grant(device(n), role).and_then(ends);
        let no_later = |until: u64| end.map_or(until, |end| end.min(until));
        let until = until.map(no_later);
        let gives = self.gives(before, who, until);
        if role == Role::Node && gives & ADMIN == 0 && !self.claims.contains_key(&holder) {
            return;
        }
        self.barred.remove(&n);
        let claim = self.claims.entry(holder).or_default();
        for gift in &mut claim.gifts {
            gift.until = gift.until.map(no_later);
        }
        let current = [claim.over, claim.beneath];
        match until {
            Some(_) if !claim.passes() => {
                claim.over = claim.beneath;
                claim.give(asked & gives, until, false);
            }
            Some(_) => claim.give(asked & gives, until, false),
            None if role == Role::Node => claim.give(0, None, false),
            None => self.give(n, asked & gives, gives),
        }
        if named.is_some() {
            let free = current.iter().all(|current| current.is_none() || *current == named);
            self.name_role(before, holder, who, (until, named), free);
        }
    }

    /// A role that an approver names lies on all that is given from here on. It tightens, or it takes
    /// the place of another as far as its giver may show what that one hid.
    fn name_role(
        &mut self,
        before: &Registry,
        holder: Holder,
        who: Who,
        (until, named): (Option<u64>, Option<&'static str>),
        free: bool,
    ) {
        let policy = self.policy;
        let gives = [self.gives(before, who, until), self.gives(before, who, None)];
        let Some(claim) = self.claims.get_mut(&holder) else { return };
        let shown = |bits: Bits, was| bits & most(named, policy) & !most(was, policy);
        let good = claim.sum(|gift| gift.until.is_none());
        if free || shown(claim.sum(|_| true), claim.over) & !gives[0] == 0 {
            claim.over = named;
        }
        if until.is_none() && (free || shown(good, claim.beneath) & !gives[1] == 0) {
            claim.beneath = named;
        }
    }

    fn rotated(&mut self, before: &Registry, n: u8, who: Who, keep: Bits) {
        let holder = Holder::Operator(n);
        let grant = before.grant(device(n), Role::Operator);
        let end = grant.and_then(|grant| grant.ends.as_ref()).map(|ending| ending.at.0);
        let gives = self.gives(before, who, end);
        let Some(claim) = self.claims.get_mut(&holder) else { return };
        let base = claim.gifts.iter().fold(0, |base, gift| base | gift.base);
        claim.gifts.iter_mut().for_each(|gift| gift.force &= keep);
        let back = base & keep & gives;
        if back & !claim.sum(|_| true) != 0 {
            let listed = end.is_none() && claim.gifts.iter().all(|gift| gift.listed);
            claim.give(back, end, listed);
        }
    }

    fn put_under(
        &mut self,
        before: &Registry,
        holder: Holder,
        who: Who,
        ceiling: Option<&'static str>,
    ) {
        let policy = self.policy;
        let (now, good) =
            (self.gives(before, who, self.end(holder)), self.gives(before, who, None));
        let Some(claim) = self.claims.get_mut(&holder) else { return };
        let shown = |bits: Bits, was| bits & most(ceiling, policy) & !most(was, policy);
        let lasting = claim.sum(|gift| gift.until.is_none());
        let over = shown(claim.sum(|_| true), claim.over);
        let over = if claim.passes() { over } else { 0 };
        if over & !now == 0 && shown(lasting, claim.beneath) & !good == 0 {
            (claim.over, claim.beneath) = (ceiling, ceiling);
        }
    }

    /// What reached its end is gone, unless nobody would be left.
    fn ended(&mut self, before: &Registry, holder: Holder) -> Lost {
        if is_held_back(before, self.policy, holder) {
            return vec![];
        }
        let Some(end) = self.end(holder) else { return vec![] };
        let Some(claim) = self.claims.get_mut(&holder) else { return vec![] };
        claim.gifts.retain(|gift| gift.until.is_none_or(|until| until > end));
        if claim.gifts.is_empty() { self.lose(holder) } else { vec![] }
    }

    /// Whoever knows a new secret has what it opens.
    fn replaced(&mut self, before: &Registry, who: Who) -> Result<Lost, String> {
        let claim = self.claims.get(&Holder::Token).ok_or("there was no token")?;
        let until = claim.gifts.iter().find_map(|gift| gift.until);
        let beyond = claim.sum(|_| true) & !self.gives(before, who, until);
        self.orphan(Holder::Token);
        let taken = || format!("{who:?} took a token of more than it holds");
        if beyond == 0 { Ok(vec![Holder::Token]) } else { Err(taken()) }
    }
}
