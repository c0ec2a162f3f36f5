//! Where the exploration begins, and what it tries there: all of it, or one matter and further.

use doorward::domain::{registry::Access, scope::Role};

use super::{
    action::{
        Action::{self, *},
        Fetch, What,
    },
    explore::Field,
    world::{Holder, LATER, SOON, Who},
};

const HOST: Who = Who::Host;
const OPERATOR: Role = Role::Operator;
const NODE: Role = Role::Node;
const FOR_GOOD: super::action::Limit = (None, None, false);
const FOR_A_WHILE: super::action::Limit = (Some(SOON), None, false);

/// An admin for good, an admin for a while, and a device that asks.
const FURNISHED: &[Action] = &[
    Start(0),
    Ask(0, OPERATOR, "admin"),
    Approve(0, OPERATOR, HOST, FOR_GOOD),
    Ask(1, OPERATOR, "admin"),
    Approve(1, OPERATOR, HOST, FOR_A_WHILE),
    Issue(0, OPERATOR, Fetch::First),
    Issue(1, OPERATOR, Fetch::First),
    Ask(2, OPERATOR, "read"),
];

/// Beside these, an admin for good under a role that lets it read.
const UNDER_A_ROLE: &[Action] = &[
    Start(0),
    Ask(0, OPERATOR, "admin"),
    Approve(0, OPERATOR, HOST, FOR_GOOD),
    Ask(1, OPERATOR, "admin"),
    Approve(1, OPERATOR, HOST, FOR_A_WHILE),
    Ask(2, OPERATOR, "admin"),
    Approve(2, OPERATOR, HOST, (None, Some("reader"), false)),
];

/// Admins who both have an end, and a device that asks.
const ENDING: &[Action] = &[
    Start(0),
    Ask(0, OPERATOR, "admin"),
    Approve(0, OPERATOR, HOST, FOR_A_WHILE),
    Ask(1, OPERATOR, "admin"),
    Approve(1, OPERATOR, HOST, (Some(LATER), None, false)),
    Ask(2, OPERATOR, "read"),
];

/// Every command.
pub const EVERYTHING: Field =
    Field { name: "everything", begin: FURNISHED, tries: |_| true, depth: 2 };

/// Asking, approving, and the ends of both.
pub const PAIRING: Field = Field {
    name: "pairing",
    begin: FURNISHED,
    tries: |action| match action {
        Ask(n, role, scopes) => n == 2 && (role == NODE || scopes != "pairing"),
        Approve(_, _, who, (_, ceiling, _)) => who != Who::Forced && ceiling.is_none(),
        Reject(_, _, who) => [HOST, Who::Session(Holder::Operator(2))].contains(&who),
        Expire(..) | End(_) | Vanish(_) => true,
        _ => false,
    },
    depth: 5,
};

/// Taking away, with what is left of it.
pub const TAKING: Field = Field {
    name: "taking",
    begin: FURNISHED,
    tries: |action| match action {
        Ask(n, OPERATOR, scopes) => n > 0 && scopes == "admin",
        Approve(_, _, who, (_, ceiling, _)) => who == HOST && ceiling.is_none(),
        Revoke(..) | Remove(..) | End(_) => true,
        Issue(n, OPERATOR, _) | Confirm(n, OPERATOR) => n == 1,
        Rotate(1, OPERATOR, Who::Host | Who::Session(Holder::Operator(1)), None) => true,
        _ => false,
    },
    depth: 4,
};

/// Where nobody is an admin for good: who is held back, and what they may give.
pub const ENDS: Field = Field {
    name: "ends",
    begin: ENDING,
    tries: |action| match action {
        Ask(n, OPERATOR, scopes) => n == 2 || scopes == "admin",
        Approve(_, _, who, (_, ceiling, ephemeral)) => {
            who != Who::Forced && ceiling.is_none() && !ephemeral
        }
        Rotate(_, OPERATOR, who, Some(scopes)) => who == HOST && scopes == "read",
        Revoke(_, OPERATOR, who) => who == HOST,
        Create(who, _, _) => who != HOST && who != Who::Forced,
        End(_) => true,
        _ => false,
    },
    depth: 4,
};

/// Roles as ceilings, rotations that narrow and give back, and policies that forget a role.
pub const ROLES: Field = Field {
    name: "roles",
    begin: UNDER_A_ROLE,
    tries: |action| match action {
        Ask(2, OPERATOR, scopes) => scopes != "read",
        Approve(2, _, who, (_, _, ephemeral)) => who != Who::Forced && !ephemeral,
        Ceiling(Holder::Operator(n), who, _) if n > 0 => who != Who::Forced,
        Ceiling(_, who, role) => who == HOST && role.is_some(),
        Rotate(n, OPERATOR, who, Some(_)) if n > 0 => who != Who::Forced,
        Rotate(_, OPERATOR, who, Some(scopes)) => who == HOST && scopes == "read",
        End(Holder::Operator(_)) | Start(_) => true,
        _ => false,
    },
    depth: 3,
};

/// Setup codes, and what becomes of those who made them.
pub const CODES: Field = Field {
    name: "codes",
    begin: FURNISHED,
    tries: |action| match action {
        Code(..) | Redeem(..) | End(_) => true,
        Ask(1, OPERATOR, scopes) => scopes == "admin",
        Approve(1, _, who, (_, ceiling, ephemeral)) => {
            who == HOST && ceiling.is_none() && !ephemeral
        }
        Revoke(n, OPERATOR, who) => n < 2 && who == Who::Forced,
        Remove(2, who) | Reject(2, _, who) => who == HOST,
        Rotate(n, OPERATOR, who, scopes) => n < 2 && who == HOST && scopes.is_some(),
        _ => false,
    },
    depth: 4,
};

/// The list of keys, and what rules and people make of it.
pub const LISTS: Field = Field {
    name: "lists",
    begin: FURNISHED,
    tries: |action| match action {
        Keys(listed) => listed.is_none_or(|(n, _)| n > 0),
        Listed(n) | Local(n, _) | Nearby(n) => n > 0,
        Approve(2, _, who, (_, ceiling, ephemeral)) => {
            who == HOST && ceiling.is_none() && !ephemeral
        }
        Code(who, access) => who == HOST && access != Access::Node,
        Ask(2, ..) | End(_) | Redeem(2, false) => true,
        Reject(2, _, who) | Revoke(2, _, who) => who == HOST,
        Rotate(2, OPERATOR, who, scopes) => who == HOST && scopes.is_some(),
        _ => false,
    },
    depth: 4,
};

/// Service tokens and the shared secret: who makes them, who changes them, what they give on.
pub const TOKENS: Field = Field {
    name: "tokens",
    begin: FURNISHED,
    tries: |action| match action {
        Create(..) | Replace(_) | Drop(_) | End(_) => true,
        Secret(who) => who != Who::Forced,
        Ceiling(Holder::Token, who, _) => who != Who::Forced,
        Approve(2, _, who, (_, ceiling, ephemeral)) => {
            who == Who::Session(Holder::Token) && ceiling.is_none() && !ephemeral
        }
        Code(who, Access::Full) => who == Who::Session(Holder::Token),
        Redeem(2, _) => true,
        Revoke(n, OPERATOR, who) => n < 2 && who == Who::Forced,
        _ => false,
    },
    depth: 4,
};

/// Everything is held: who releases what, and what comes of it meanwhile.
pub const REVIEW: Field = Field {
    name: "review",
    begin: FURNISHED,
    tries: |action| match action {
        Lose => true,
        Release(what, who) => who != Who::Forced && what != What::Of(Holder::Node(1)),
        Ask(n, role, scopes) => n != 1 && (role == NODE || scopes == "admin"),
        Approve(_, _, who, (_, ceiling, ephemeral)) => {
            [HOST, Who::Session(Holder::Operator(1))].contains(&who)
                && ceiling.is_none()
                && !ephemeral
        }
        Local(n, scopes) => n != 1 && scopes == "read",
        Nearby(2) | Redeem(_, false) => true,
        Code(who, access) => who == HOST && access == Access::Full,
        Create(who, _, until) => who == HOST && until.is_none(),
        Revoke(0, OPERATOR, who) => who == Who::Forced,
        End(_) => true,
        _ => false,
    },
    depth: 4,
};
