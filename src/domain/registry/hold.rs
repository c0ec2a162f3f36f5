//! Holding for review what lost records may have taken away (N18 A18.2).
//!
//! Whoever puts a ledger back and knows that records are lost does not know what was revoked in
//! them. So everything that they could have ended is held: it stays what and where it is and lets
//! nobody in, until someone who may has looked at it and releases it, or takes it away. Rules that
//! approve by themselves are held as well, or they would approve whom a person turned down in those
//! records. What the configuration says (the shared secret, people) is not held: that is no matter of
//! the ledger, and its files on the host are the newest that there are.

use super::{
    Event, Registry,
    approve::{for_as_long, within},
};
use crate::domain::{
    Decider,
    ids::{DeviceId, Seq, TokenId},
    operation::Operation,
    permit::Permit,
    principal::Subject,
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

/// Something that can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// What a device holds in one role.
    Device(DeviceId, Role),
    /// A service token.
    Token(TokenId),
    /// The rules that approve without a person: of the policy, and the list of keys.
    Rules,
}

/// Why something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The record of it.
    pub seq: Seq,
    /// Since when.
    pub at: UnixMillis,
    /// Which records are lost.
    pub lost: Lost,
}

/// Records that were written and cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The first of them.
    pub from: u64,
    /// How many records there had been at least: those up to here, without this one, are lost. If it
    /// is not beyond `from`, nobody knows how many.
    pub until: u64,
}

/// What to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Everything.
    All,
    /// A device, in one role or in every role.
    Device(DeviceId, Option<Role>),
    /// A service token.
    Token(TokenId),
    /// The rules that approve without a person.
    Rules,
}

/// Lets what was looked at be in force again. Doing it twice is no fault. Whoever releases something
/// gives it, and so has to hold it, and for as long.
pub(super) fn release(
    state: &Registry,
    permit: &Permit,
    what: Release,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ReleaseHeld)?;
    state.authority(permit)?;
    match what {
        Release::Device(id, _) if state.device(id).is_none() => return Err(Refusal::UnknownDevice),
        Release::Token(id) if state.service_token(id).is_none() => {
            return Err(Refusal::UnknownToken);
        }
        _ => {}
    }
    let meant = state.all_held().map(|(item, _)| item).filter(|item| what.means(*item));
    meant
        .map(|item| {
            state.may_release(permit, item)?;
            Ok(Event::ReviewEnded { item })
        })
        .collect()
}

/// Holds everything that there is to hold. Setup codes end: they live for minutes, and which of them
/// were redeemed is not known.
pub(super) fn begin(state: &mut Registry, stamp: Stamp, lost: Lost) {
    let hold = Hold { seq: stamp.seq, at: stamp.at, lost };
    let devices = state
        .devices
        .iter()
        .flat_map(|(id, device)| device.grants.keys().map(move |role| Item::Device(*id, *role)));
    let tokens = state.tokens.keys().map(|id| Item::Token(*id));
    let all = devices.chain(tokens).chain([Item::Rules]);
    state.held = all.map(|item| (item, hold)).collect();
    state.codes.clear();
    state.code_by_hash.clear();
}

impl Release {
    fn means(self, item: Item) -> bool {
        match (self, item) {
            (Self::All, _) | (Self::Rules, Item::Rules) => true,
            (Self::Device(id, role), Item::Device(held, in_role)) => {
                id == held && role.is_none_or(|role| role == in_role)
            }
            (Self::Token(id), Item::Token(held)) => id == held,
            _ => false,
        }
    }
}

impl Item {
    /// What of a subject can be held; shared secrets and people are the configuration's.
    pub fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Device(id, role) => Some(Self::Device(*id, *role)),
            Subject::Token(id) => Some(Self::Token(*id)),
            Subject::SharedSecret | Subject::Open | Subject::Person(_) => None,
        }
    }

    /// Whose authority it is; the rules are nobody's.
    pub fn subject(self) -> Option<Subject> {
        match self {
            Self::Device(id, role) => Some(Subject::Device(id, role)),
            Self::Token(id) => Some(Subject::Token(id)),
            Self::Rules => None,
        }
    }

    /// It in one word, as commands take it: `<device id>`, `<token id>` or `rules`.
    pub fn reference(self) -> String {
        match self {
            Self::Device(id, _) => id.to_string(),
            Self::Token(id) => id.to_string(),
            Self::Rules => "rules".into(),
        }
    }
}

impl Lost {
    /// How many are lost, where that is known.
    pub fn count(self) -> Option<u64> {
        self.until.checked_sub(self.from).filter(|count| *count > 0)
    }
}

impl Registry {
    /// Everything that is held, in order.
    pub fn all_held(&self) -> impl Iterator<Item = (Item, Hold)> + '_ {
        self.held.iter().map(|(item, hold)| (*item, *hold))
    }

    /// Why something is held, if it is.
    pub fn hold_on(&self, item: Item) -> Option<Hold> {
        self.held.get(&item).copied()
    }

    /// What holds everything for the reason for which something is held already; `None` if nothing is.
    /// For who goes back behind that.
    pub fn hold_again(&self) -> Option<Event> {
        let (_, hold) = self.all_held().next()?;
        Some(Event::ReviewBegun { lost: hold.lost, root: None })
    }

    /// The same with nothing held: what has been given, looked at or not.
    pub(super) fn without_holds(&self) -> Self {
        Self { held: Default::default(), ..self.clone() }
    }

    /// Whether a subject's authority is held.
    pub(super) fn is_under_review(&self, subject: &Subject) -> bool {
        Item::of(subject).is_some_and(|item| self.held.contains_key(&item))
    }

    /// Refuses what is held.
    pub(super) fn not_under_review(&self, item: Item) -> Result<(), Refusal> {
        let refused =
            |hold: Hold| Refusal::HeldForReview { item, record: hold.seq, lost: hold.lost };
        self.hold_on(item).map(refused).map_or(Ok(()), Err)
    }

    /// Forgets the holds on what is not there any more.
    pub(super) fn drop_holds(&mut self, subject: &Subject) {
        let gone = match subject {
            Subject::Device(id, role) => self.grant(*id, *role).is_none(),
            Subject::Token(id) => !self.tokens.contains_key(id),
            Subject::SharedSecret | Subject::Open | Subject::Person(_) => false,
        };
        if let Some(item) = Item::of(subject).filter(|_| gone) {
            self.held.remove(&item);
        }
    }

    /// A node's grant takes admin to give; so do the rules, which give what the policy says.
    fn may_release(&self, permit: &Permit, item: Item) -> Result<(), Refusal> {
        let admin = || ScopeSet::from_iter([Known::Admin]);
        let layers = match item {
            Item::Rules => vec![(admin(), None, None)],
            Item::Device(id, role) => self.layers(&Subject::Device(id, role))?,
            Item::Token(id) => self.layers(&Subject::Token(id))?,
        };
        let is_node = matches!(item, Item::Device(_, Role::Node));
        for (scopes, _, until) in layers {
            let given = if is_node { admin() } else { scopes };
            within(permit.standing(), Role::Operator, &given)?;
            for_as_long(self, permit.standing(), &given, until)?;
        }
        Ok(())
    }
}
