//! Setup codes: a grant that waits for the first device that comes with the code and a key (N1 A1.1).
//!
//! Single use, short-lived, kept as a hash. The owner's code is made on the host; it is how the first
//! device comes to hold `operator.admin` where nobody can approve it over the network yet.

use super::{
    Access, Event, Registry,
    approve::{for_as_long, within},
};
use crate::domain::{
    Decider,
    ids::{CodeId, DeviceId, Seq, TokenHash},
    operation::Operation,
    permit::Permit,
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

/// How long a setup code is good. docs/PROTOCOL.md (g): ten minutes.
pub const CODE_TTL_MS: u64 = 10 * 60 * 1000;

/// How many setup codes are remembered; the oldest makes room.
pub const CODES_MAX: usize = 256;

/// A setup code, as far as the gateway knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupCode {
    /// The record that made it.
    pub seq: Seq,
    /// The secret's hash.
    pub hash: TokenHash,
    /// What for.
    pub access: Access,
    /// What its redeemer will hold.
    pub scopes: ScopeSet,
    /// When it ends.
    pub until: UnixMillis,
    /// Who redeemed it, and when.
    pub redeemed: Option<(DeviceId, Stamp)>,
}

impl Access {
    /// The wire name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
            Self::Node => "node",
        }
    }

    /// What its redeemer will hold.
    pub fn scopes(self) -> ScopeSet {
        use Known::*;
        match self {
            Self::Full => ScopeSet::full_operator(),
            Self::Limited => [Read, Write, Approvals, Questions, Talk].into_iter().collect(),
            Self::Node => ScopeSet::empty(),
        }
    }
}

pub(super) fn create(
    state: &Registry,
    permit: &Permit,
    id: CodeId,
    code: TokenHash,
    access: Access,
    until: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::CreateCode)?;
    state.authority(permit)?;
    let scopes = access.scopes();
    let role = if access == Access::Node { Role::Node } else { Role::Operator };
    within(permit.standing(), role, &scopes)?;
    let mut gained = scopes.clone();
    if role != Role::Operator {
        gained.insert(Known::Admin.into());
    }
    for_as_long(state, permit.standing(), &gained, None)?;
    Ok(vec![Event::CodeCreated { id, code, access, scopes, until }])
}

impl Registry {
    /// The code with this hash.
    pub(super) fn code(&self, code: TokenHash) -> Option<&SetupCode> {
        let id = self.code_by_hash.get(&code)?;
        self.codes.get(id).map(|code| &**code)
    }

    /// A setup code by its id.
    pub fn setup_code(&self, id: CodeId) -> Option<&SetupCode> {
        self.codes.get(&id).map(|code| &**code)
    }
}
