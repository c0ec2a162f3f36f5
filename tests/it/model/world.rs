//! One state of the small house that is explored: the real registry, the account beside it, and what
//! is left of sessions, tokens and requests that have ended.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use doorward::domain::{
    Decider,
    ids::{CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
    operation::Operation,
    origin::Locality,
    permit::{self, Permit},
    principal::{Principal, SecretKind, Standing, Subject},
    refusal::Refusal,
    registry::{
        AuthMode, Command, Event, Policy, Registry,
        hold::{Item, Lost},
        session::Session,
    },
    scope::{Role, Scope, ScopeSet},
    time::{Stamp, UnixMillis},
};

use super::shadow::Shadow;

/// How many devices there are.
pub const DEVICES: u8 = 3;
/// An end that is near, and one that is further off.
pub const SOON: u64 = 10;
pub const LATER: u64 = 20;
/// The one service token.
pub const TOKEN: TokenId = TokenId([1; 16]);

/// Who holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    Operator(u8),
    Node(u8),
    Token,
    Shared,
}

impl Holder {
    pub fn device(n: u8, role: Role) -> Self {
        if role == Role::Node { Self::Node(n) } else { Self::Operator(n) }
    }

    pub fn subject(self) -> Subject {
        self.principal().subject().unwrap()
    }

    /// What of it can be held for review. Nobody holds the shared secret; the rules stand in for it.
    pub fn item(self) -> Item {
        Item::of(&self.subject()).unwrap_or(Item::Rules)
    }

    fn principal(self) -> Principal {
        match self {
            Self::Operator(n) => Principal::Device(device(n), Role::Operator),
            Self::Node(n) => Principal::Device(device(n), Role::Node),
            Self::Token => Principal::Token(TOKEN),
            Self::Shared => Principal::SharedSecret(SecretKind::Token),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The host.
    Host,
    /// The host, with a reason to take admin from its last holder.
    Forced,
    /// A session of a holder that asked for all it has.
    Session(Holder),
    /// A session of a device that asked for reading and pairing alone.
    Narrow(u8),
}

impl Who {
    /// On what it stands, if it is not the host.
    pub fn stands_on(self) -> Option<Holder> {
        match self {
            Self::Host | Self::Forced => None,
            Self::Session(holder) => Some(holder),
            Self::Narrow(n) => Some(Holder::Operator(n)),
        }
    }
}

/// What decides. The faults are seeded here, around the real domain.
pub trait Rules {
    /// Gate 2, as the actor that owns the registry asks it: whatever is to be written stands on
    /// something.
    fn decide(
        &self,
        registry: &Registry,
        permit: &Permit,
        command: Command,
    ) -> Result<Vec<Event>, Refusal> {
        let events = registry.decide(permit, command)?;
        if !events.is_empty() {
            registry.authority(permit)?;
        }
        Ok(events)
    }

    fn reassess(&self, registry: &Registry, session: &Session) -> Result<Standing, Refusal> {
        registry.reassess(session)
    }
}

/// The domain as it is.
pub struct Domain;

impl Rules for Domain {}

/// A state of the house.
#[derive(Clone, Default)]
pub struct World {
    pub registry: Registry,
    pub shadow: Shadow,
    /// The time: nothing, [`SOON`] or [`LATER`].
    pub clock: u64,
    /// The last session of everyone who lost what it stood on.
    pub ghosts: BTreeMap<Holder, Session>,
    /// The last token that ended.
    pub dead: BTreeMap<Holder, TokenHash>,
    /// The last request that ended without an approval, by device and role.
    pub closed: BTreeMap<(u8, Role), RequestId>,
    seq: u64,
    minted: u32,
}

pub fn device(n: u8) -> DeviceId {
    DeviceId([n + 1; 32])
}

pub fn key(n: u8) -> PublicKey {
    PublicKey([n + 1; 32])
}

pub fn set(names: &str) -> ScopeSet {
    let scope = |name: &str| Scope::parse(&format!("operator.{name}")).unwrap();
    names.split_whitespace().map(scope).collect()
}

/// The first policy has the roles that are used; the other has lost them.
pub fn policy(n: u8) -> Policy {
    let roles = [("reader", "read"), ("clerk", "read pairing")];
    let ceilings = roles.map(|(name, scopes)| (name.to_owned(), set(scopes)));
    Policy {
        auth_mode: AuthMode::Token,
        shared_scopes: ScopeSet::empty(),
        loopback_scopes: set("read pairing"),
        auto_approve_local: true,
        auto_approve_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
        people: BTreeMap::new(),
        others: None,
        ceilings: ceilings.into_iter().filter(|_| n == 0).collect(),
    }
}

impl World {
    /// Something that nobody has seen.
    fn mint(&mut self) -> u32 {
        self.minted += 1;
        self.minted
    }

    pub fn fresh_hash(&mut self) -> TokenHash {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&self.mint().to_be_bytes());
        TokenHash(hash)
    }

    pub fn fresh_request(&mut self) -> RequestId {
        RequestId(u128::from(self.mint()).to_be_bytes())
    }

    pub fn fresh_code(&mut self) -> CodeId {
        CodeId(u128::from(self.mint()).to_be_bytes())
    }

    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.clock)
    }

    /// A session of this holder as it would be let in now.
    pub fn session(&self, holder: Holder, asked: ScopeSet) -> Option<Session> {
        let locality = Locality::DirectLoopback;
        let held = self.registry.held(&holder.subject(), locality)?;
        let role = if matches!(holder, Holder::Node(_)) { Role::Node } else { Role::Operator };
        let (scopes, grant) = (ScopeSet::empty(), held.grant);
        let standing = Standing { principal: holder.principal(), role, scopes, grant };
        let mut session = Session { standing, asked, cap: None, locality };
        session.standing = self.registry.reassess(&session).ok()?;
        Some(session)
    }

    /// What somebody stands on; `None` if that is nothing.
    pub fn standing(&self, who: Who) -> Option<Standing> {
        let session = |holder, asked| Some(self.session(holder, asked)?.standing);
        match who {
            Who::Host | Who::Forced => Some(Standing::host(0)),
            Who::Session(holder) => session(holder, ScopeSet::empty()),
            Who::Narrow(n) => session(Holder::Operator(n), set("read pairing")),
        }
    }

    /// Gate 1, gate 2, and what comes of it.
    ///
    /// # Errors
    /// The invariant that an event broke.
    pub fn run(
        &mut self,
        rules: &impl Rules,
        who: &Standing,
        operation: Operation,
        command: Command,
    ) -> Result<Result<Vec<Event>, Refusal>, String> {
        let permit = permit::authorize(who, operation);
        let events = permit.and_then(|permit| rules.decide(&self.registry, &permit, command));
        events.iter().flatten().try_for_each(|event| self.apply(event))?;
        Ok(events)
    }

    /// Records are lost: it comes back with all of it held.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn lose(&mut self) -> Result<(), String> {
        self.apply(&Event::ReviewBegun { lost: Lost { from: 7, until: 9 }, root: None })
    }

    fn apply(&mut self, event: &Event) -> Result<(), String> {
        self.seq += 1;
        let stamp = Stamp { seq: Seq(self.seq), at: self.now() };
        // A debug build of the registry looks at its invariants itself, and panics.
        let registry = &mut self.registry;
        let applied = catch_unwind(AssertUnwindSafe(|| registry.apply(stamp, event)));
        applied.map_err(|_| format!("{event:?} breaks an invariant"))
    }
}
