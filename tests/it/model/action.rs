//! What can be done in the small house, and the command that does it.

use doorward::domain::{
    ids::RequestId,
    operation::Operation,
    origin::Locality,
    principal::{Rule, SecretKind, Standing},
    refusal::PairingReason,
    registry::{
        Access, Ask, Basis, Command, CredentialClass, LockKey, PENDING_TTL_MS, Profile, Renewal,
        Terms,
        digest::{SessionAct, TranscriptDigest},
        hold::Release,
        keys::{KeyList, ListedKey},
        service_token::NewToken,
    },
    scope::Role,
    talk::{AgentId, SessionId, SessionKey},
    time::UnixMillis,
};

use super::{
    waiting::Waiting,
    world::{DEVICES, Holder, LATER, TOKEN, Who, World, device, key, policy, set},
};

/// Names of scopes.
pub type Want = &'static str;

/// How an approval is limited: its end, the role on it, and whether the device is to vanish.
pub type Limit = (Option<u64>, Option<&'static str>, bool);

/// Why a device fetches a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    First,
    Replaced,
    Upgraded,
}

/// One thing that can be done. Devices go by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Ask(u8, Role, Want),
    Local(u8, Want),
    Nearby(u8),
    Listed(u8),
    Redeem(u8, bool),
    Approve(u8, Role, Who, Limit),
    Reject(u8, Role, Who),
    Expire(u8, Role),
    Issue(u8, Role, Fetch),
    Confirm(u8, Role),
    Describe(u8),
    Seen(u8),
    Rotate(u8, Role, Who, Option<Want>),
    Revoke(u8, Role, Who),
    Remove(u8, Who),
    Rename(u8, Who),
    Ceiling(Holder, Who, Option<&'static str>),
    End(Holder),
    Vanish(u8),
    Secret(Who),
    Create(Who, Want, Option<u64>),
    Replace(Who),
    Drop(Who),
    Code(Who, Access),
    Keys(Option<(u8, Want)>),
    LockOut,
    Clear(Who),
    Note(Who),
    Start(u8),
    Person(Waiting),
    /// The ledger is put back, and is known to have had more records.
    Lose,
    Release(What, Who),
}

/// What is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Of(Holder),
    Rules,
    All,
}

/// What a step asks of the registry.
pub type Call = (Standing, Operation, Command);

impl Action {
    /// The command, with ids and hashes minted for it. `None` if there is nobody to give it, or
    /// nothing that it could be about.
    pub fn call(self, world: &mut World) -> Option<Call> {
        use Operation as O;
        let now = world.now();
        let (who, operation, command) = match self {
            Self::Ask(..)
            | Self::Local(..)
            | Self::Nearby(_)
            | Self::Listed(_)
            | Self::Redeem(..) => return self.ask(world),
            Self::Person(waiting) => return waiting.call(world),
            Self::Approve(n, role, who, (until, ceiling, ephemeral)) => {
                let until = until.map(UnixMillis);
                let terms = Terms { until, ceiling: ceiling.map(str::to_owned), ephemeral };
                let (request_id, expected) = (request_of(world, n, role)?, None);
                let command = Command::ApprovePairing { request_id, expected, terms, now };
                (who, O::ApprovePairing, command)
            }
            Self::Reject(n, role, who) => {
                let request_id = request_of(world, n, role)?;
                (who, O::RejectPairing, Command::RejectPairing { request_id })
            }
            Self::Issue(..) | Self::Confirm(..) | Self::Describe(_) | Self::Seen(_) => {
                return self.own(world);
            }
            Self::Rotate(n, role, who, scopes) => {
                let (device, token) = (device(n), world.fresh_hash());
                let scopes = scopes.map(set);
                (who, O::RotateToken, Command::RotateToken { device, role, scopes, token })
            }
            Self::Revoke(n, role, who) => {
                let (device, force) = (device(n), reason(who));
                (who, O::RevokeToken, Command::RevokeToken { device, role, force })
            }
            Self::Remove(n, who) => {
                let (device, force) = (device(n), reason(who));
                (who, O::RemoveDevice, Command::RemoveDevice { device, force })
            }
            Self::Rename(n, who) => {
                let (device, label) = (device(n), "kitchen".into());
                (who, O::RenameDevice, Command::RenameDevice { device, label })
            }
            Self::Ceiling(holder, who, ceiling) => {
                let (subject, ceiling) = (holder.subject(), ceiling.map(str::to_owned));
                (who, O::AssignRole, Command::AssignCeiling { subject, ceiling })
            }
            Self::Secret(who) => {
                let (kind, fingerprint) = (SecretKind::Token, world.fresh_hash());
                (who, O::RotateSecret, Command::RotateSecret { kind, fingerprint })
            }
            Self::Create(who, scopes, until) => {
                let new = new_token(world, scopes, until);
                (who, O::CreateToken, Command::CreateToken(Box::new(new)))
            }
            Self::Replace(who) => {
                let (id, token) = (TOKEN, world.fresh_hash());
                (who, O::RotateServiceToken, Command::RotateServiceToken { id, token })
            }
            Self::Drop(who) => {
                let (id, force) = (TOKEN, reason(who));
                (who, O::RevokeServiceToken, Command::RevokeServiceToken { id, force })
            }
            Self::Code(who, access) => {
                let (id, code) = (world.fresh_code(), world.fresh_hash());
                let until = UnixMillis(2 * LATER);
                (who, O::CreateCode, Command::CreateCode { id, code, access, until })
            }
            Self::Lose => return None,
            Self::Release(what, who) => {
                (who, O::ReleaseHeld, Command::ReleaseHeld { what: release(what) })
            }
            Self::Clear(who) => (who, O::ClearLockouts, Command::ClearLockouts { key: None }),
            Self::Note(who) => (who, O::ManageSessions, note()),
            Self::Expire(..)
            | Self::End(_)
            | Self::Vanish(_)
            | Self::Keys(_)
            | Self::LockOut
            | Self::Start(_) => return self.house(world),
        };
        Some((world.standing(who)?, operation, command))
    }

    /// What a device asks for, and what a rule makes of it.
    fn ask(self, world: &mut World) -> Option<Call> {
        let request_id = world.fresh_request();
        let (token, mut now) = (world.fresh_hash(), world.now());
        let (ask, basis) = match self {
            Self::Ask(n, role, scopes) => {
                let ask = Ask { role, ..ask(n, scopes, request_id) };
                let standing = Standing::applicant(ask.device, role);
                let command = Command::RequestPairing(Box::new(ask));
                return Some((standing, Operation::RequestPairing, command));
            }
            Self::Local(n, scopes) => {
                let (secret, locality) = (Some(SecretKind::Token), Locality::DirectLoopback);
                (Ask { secret, locality, ..ask(n, scopes, request_id) }, Basis::LocalPolicy)
            }
            Self::Nearby(n) => {
                let address = "10.0.0.7".parse().ok();
                let ask = Ask { role: Role::Node, address, ..ask(n, "", request_id) };
                (ask, Basis::TrustedCidr)
            }
            Self::Listed(n) => (ask(n, "", request_id), Basis::KeyList),
            Self::Redeem(n, late) => {
                let (hash, access) = world.shadow.code()?;
                if late {
                    now = UnixMillis(2 * LATER);
                }
                let role = if access == Access::Node { Role::Node } else { Role::Operator };
                (Ask { role, ..ask(n, "", request_id) }, Basis::SetupCode(hash))
            }
            _ => return None,
        };
        let standing = world.registry.rule_standing(basis).ok()?;
        let command = Command::ApproveByRule { ask: Box::new(ask), basis, token, now };
        Some((standing, Operation::ApprovePairing, command))
    }

    /// What a device does in its own affairs.
    fn own(self, world: &mut World) -> Option<Call> {
        let (holder, operation, command) = match self {
            Self::Issue(n, role, fetch) => {
                let grant = world.registry.grant(device(n), role)?;
                let renewal = match fetch {
                    Fetch::First => Renewal::No,
                    Fetch::Replaced => Renewal::Retired(*grant.retired.first()?),
                    Fetch::Upgraded => Renewal::Upgraded,
                };
                let token = world.fresh_hash();
                let command = Command::IssueToken { role, token, renewal };
                (Holder::device(n, role), Operation::IssueToken, command)
            }
            Self::Confirm(n, role) => {
                let token = world.registry.grant(device(n), role)?.token?.hash;
                let command = Command::ConfirmToken { role, token };
                (Holder::device(n, role), Operation::ConfirmToken, command)
            }
            Self::Describe(n) => {
                let profile = Profile { platform: "mars".into(), ..Profile::default() };
                let command = Command::Describe { profile };
                (Holder::Operator(n), Operation::DescribeDevice, command)
            }
            Self::Seen(n) => (Holder::Operator(n), Operation::DescribeDevice, Command::NoteSeen),
            _ => return None,
        };
        Some((world.standing(Who::Session(holder))?, operation, command))
    }

    /// What the house does by itself, or at the host's word.
    fn house(self, world: &mut World) -> Option<Call> {
        use Operation as O;
        let expiry = Standing::system(Rule::Expiry);
        Some(match self {
            Self::Expire(n, role) => {
                let request_id = request_of(world, n, role)?;
                let (last_asked, now) = (UnixMillis(0), UnixMillis(LATER + PENDING_TTL_MS));
                let command = Command::ExpirePairing { request_id, last_asked, now };
                (expiry, O::ExpirePairing, command)
            }
            Self::End(holder) => {
                let end = world.shadow.end(holder)?;
                world.clock = world.clock.max(end);
                let (subject, now) = (holder.subject(), world.now());
                (expiry, O::EndGrant, Command::EndGrant { subject, now })
            }
            Self::Vanish(n) => (expiry, O::EndGrant, Command::EndEnrolment { device: device(n) }),
            Self::Keys(listed) => {
                let command = Command::AdoptKeys(key_list(listed));
                (Standing::host(0), O::AdoptKeys, command)
            }
            Self::LockOut => {
                let key = LockKey { class: CredentialClass::SharedSecret, address: None };
                let (failures, until, now) = (Default::default(), UnixMillis(LATER), UnixMillis(0));
                let command = Command::LockOut { key, failures, until, now };
                (Standing::system(Rule::RateLimit), O::LockOut, command)
            }
            Self::Start(n) => {
                let secret = world.registry.secret().is_none().then(|| world.fresh_hash());
                let secret = secret.map(|secret| (SecretKind::Token, secret));
                let (gateway_key, policy) = (key(DEVICES), policy(n));
                let command = Command::Start { gateway_key, policy, secret };
                (Standing::system(Rule::Startup), O::AdoptPolicy, command)
            }
            _ => return None,
        })
    }
}

fn ask(n: u8, scopes: Want, request_id: RequestId) -> Ask {
    Ask {
        request_id,
        device: device(n),
        public_key: key(n),
        role: Role::Operator,
        scopes: set(scopes),
        reason: PairingReason::NotPaired,
        profile: Profile::default(),
        address: None,
        secret: None,
        locality: Locality::Elsewhere,
    }
}

pub fn request_of(world: &World, n: u8, role: Role) -> Option<RequestId> {
    world.registry.request_of(device(n), role).map(|(id, _)| id)
}

fn release(what: What) -> Release {
    match what {
        What::All => Release::All,
        What::Rules | What::Of(Holder::Shared) => Release::Rules,
        What::Of(Holder::Token) => Release::Token(TOKEN),
        What::Of(Holder::Operator(n)) => Release::Device(device(n), Some(Role::Operator)),
        What::Of(Holder::Node(n)) => Release::Device(device(n), Some(Role::Node)),
    }
}

fn reason(who: Who) -> Option<String> {
    (who == Who::Forced).then(|| "the house burns".into())
}

fn new_token(world: &mut World, scopes: Want, until: Option<u64>) -> NewToken {
    NewToken {
        id: TOKEN,
        name: "robot".into(),
        scopes: set(scopes),
        token: world.fresh_hash(),
        until: until.map(UnixMillis),
        ranges: vec![],
        now: world.now(),
    }
}

fn note() -> Command {
    let key = SessionKey::main_of(&AgentId::main());
    let (transcript, messages, sha256) = (SessionId([1; 16]), 2, [3; 32]);
    let digest = TranscriptDigest { key, transcript, messages, sha256 };
    Command::NoteSession { act: SessionAct::Delete, digest }
}

fn key_list(listed: Option<(u8, Want)>) -> KeyList {
    let entry = |(n, scopes)| {
        let (label, role) = ("listed".into(), Role::Operator);
        (key(n), ListedKey { label, role, scopes: set(scopes) })
    };
    KeyList { file_hash: [0; 32], keys: listed.map(entry).into_iter().collect() }
}
