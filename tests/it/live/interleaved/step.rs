//! What can happen, and how often.

use doorward::domain::scope::Role;
use proptest::prelude::*;

/// How many devices and service tokens there are.
pub const DEVICES: u8 = 3;
pub const TOKENS: usize = 2;

/// Names of scopes; none means "what I have".
pub type Asks = &'static [&'static str];

/// Who connects, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comes {
    /// A device with the shared secret.
    Device(u8, Role),
    /// A device with the newest token that it was told.
    WithItsToken(u8),
    /// A client with a service token, as it is or as it was.
    Token { nth: usize, old: bool },
    /// A client with the shared secret and no key, as it is or as it was.
    Shared { old: bool },
}

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Host,
    /// One of those who are connected.
    Session(usize),
}

/// Something that changes who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Approve {
        nth: usize,
        for_a_while: bool,
        under_a_role: bool,
    },
    Reject {
        nth: usize,
    },
    Rotate(u8, Option<Asks>),
    Revoke(u8, Role),
    Remove(u8),
    /// A role on a device or, past the devices, on a service token.
    Assign(u8, Option<&'static str>),
    /// The end of what has one.
    End(u8),
    Secret,
    Token {
        nth: usize,
        asks: Asks,
    },
    RotateToken {
        nth: usize,
    },
    RevokeToken {
        nth: usize,
    },
    /// Every request is turned down, or every device taken out.
    Clear {
        pending: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Connect(Comes, Asks),
    Leave(usize),
    /// A connected device asks for more.
    Upgrade(usize, Asks),
    Change(By, Change),
    /// A client comes in while the host changes something.
    Meanwhile(Comes, Asks, Change),
}

fn asks() -> impl Strategy<Value = Asks> {
    let asks: [Asks; 7] = [
        &[],
        &[],
        &[],
        &["operator.read"],
        &["operator.read", "operator.pairing"],
        &["operator.write"],
        &["operator.admin"],
    ];
    proptest::sample::select(asks.to_vec())
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![5 => Just(Role::Operator), 1 => Just(Role::Node)]
}

fn comes() -> impl Strategy<Value = Comes> {
    prop_oneof![
        5 => (0..DEVICES, role()).prop_map(|(n, role)| Comes::Device(n, role)),
        3 => (0..DEVICES).prop_map(Comes::WithItsToken),
        2 => (0..TOKENS, proptest::bool::weighted(0.2))
            .prop_map(|(nth, old)| Comes::Token { nth, old }),
        1 => proptest::bool::weighted(0.2).prop_map(|old| Comes::Shared { old }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let roles = proptest::sample::select(vec![None, None, Some("reader"), Some("clerk")]);
    let scopes = proptest::option::of(asks().prop_filter("some", |asks| !asks.is_empty()));
    prop_oneof![
        14 => (0..3usize, proptest::bool::weighted(0.4), proptest::bool::weighted(0.2)).prop_map(
            |(nth, for_a_while, under_a_role)| Change::Approve { nth, for_a_while, under_a_role }
        ),
        1 => (0..3usize).prop_map(|nth| Change::Reject { nth }),
        3 => (0..DEVICES, scopes).prop_map(|(n, scopes)| Change::Rotate(n, scopes)),
        2 => (0..DEVICES, role()).prop_map(|(n, role)| Change::Revoke(n, role)),
        1 => (0..DEVICES).prop_map(Change::Remove),
        5 => (0..DEVICES + TOKENS as u8, roles).prop_map(|(n, role)| Change::Assign(n, role)),
        3 => (0..DEVICES).prop_map(Change::End),
        1 => Just(Change::Secret),
        3 => (0..TOKENS, asks()).prop_map(|(nth, asks)| Change::Token { nth, asks }),
        1 => (0..TOKENS).prop_map(|nth| Change::RotateToken { nth }),
        1 => (0..TOKENS).prop_map(|nth| Change::RevokeToken { nth }),
        1 => any::<bool>().prop_map(|pending| Change::Clear { pending }),
    ]
}

/// Any of it.
pub fn step() -> impl Strategy<Value = Step> {
    let by = prop_oneof![2 => Just(By::Host), 1 => (0..8usize).prop_map(By::Session)];
    prop_oneof![
        9 => (comes(), asks()).prop_map(|(who, asks)| Step::Connect(who, asks)),
        2 => (0..8usize).prop_map(Step::Leave),
        2 => (0..8usize, asks()).prop_map(|(nth, asks)| Step::Upgrade(nth, asks)),
        10 => (by, change()).prop_map(|(by, change)| Step::Change(by, change)),
        3 => (comes(), asks(), change())
            .prop_map(|(who, asks, change)| Step::Meanwhile(who, asks, change)),
    ]
}
