//! Setup codes: a grant that waits for the first device that comes with the code and a key (N1 A1.1).
//!
//! Single use, short-lived, kept as a hash, and good only while whoever made it still holds what it
//! gives: nobody who was thrown out comes back by a code. The owner's code is made on the host; it is how the first
//! device comes to hold `operator.admin` where nobody can approve it over the network yet.

use super::{
    Access, Event, Registry,
    approve::{for_as_long, within},
};
use crate::domain::{
    Decider,
    ids::{CodeId, DeviceId, Seq, TokenHash},
    operation::Operation,
    origin::Locality,
    permit::Permit,
    principal::Principal,
    refusal::Refusal,
    scope::{Known, Role, Scope, ScopeSet},
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
    /// Who made it; not known of codes from before this was written down.
    pub creator: Option<Principal>,
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

    /// What its redeemer will hold as an operator.
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
    within(permit.standing(), Role::Node, &scopes)?;
    for_as_long(state, permit.standing(), &takes(&scopes), None)?;
    let creator = Some(permit.principal().clone());
    Ok(vec![Event::CodeCreated { id, code, access, scopes, until, creator }])
}

/// What it takes to give this: every code makes a node, and roles other than operator need admin.
fn takes(scopes: &ScopeSet) -> ScopeSet {
    scopes.iter().chain([Scope::Known(Known::Admin)]).collect()
}

impl Registry {
    /// The code with this hash.
    pub(super) fn code(&self, code: TokenHash) -> Option<&SetupCode> {
        let id = self.code_by_hash.get(&code)?;
        self.codes.get(id).map(|code| &**code)
    }

    /// Whether its maker could still give what it gives, on what the maker held then, and for good.
    pub(super) fn maker_stands(&self, code: &SetupCode) -> bool {
        let Some(subject) = code.creator.as_ref().and_then(Principal::subject) else { return true };
        let takes = takes(&code.scopes);
        // Where the shared secret holds the most.
        let held = self.held(&subject, Locality::DirectLoopback);
        held.is_some_and(|held| held.line <= code.seq && held.scopes.covers(&takes))
            && self.first_ending(&subject, &takes, None).is_none()
    }

    /// A setup code by its id.
    pub fn setup_code(&self, id: CodeId) -> Option<&SetupCode> {
        self.codes.get(&id).map(|code| &**code)
    }
}
