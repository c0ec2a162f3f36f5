//! Which records of the ledger someone wants to see.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    domain::{
        Event,
        ids::{DeviceId, TokenId},
        principal::{Principal, Rule},
        scope::Scope,
        time::UnixMillis,
    },
    ledger::Record,
};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Someone on the host.
    Host,
    /// Whoever proved the shared secret.
    SharedSecret,
    /// Whoever came where nothing is asked for.
    Open,
    /// A device, paired or not yet.
    Device(DeviceId),
    /// A service token.
    Token(TokenId),
    /// A person behind a proxy.
    Person(String),
    /// A rule of the house.
    Rule(Rule),
}

/// To whom something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A device.
    Device(DeviceId),
    /// A service token.
    Token(TokenId),
}

/// What has to be true of a record. What is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// It is of one of these kinds.
    pub kinds: Vec<&'static str>,
    /// This one did it.
    pub by: Option<Actor>,
    /// It was done to this one.
    pub about: Option<About>,
    /// Its subject gained this scope by it, or lost it.
    pub scope: Option<Scope>,
    /// It came from there.
    pub from: Option<IpNet>,
    /// It is not older.
    pub since: Option<UnixMillis>,
    /// It is older.
    pub until: Option<UnixMillis>,
}

impl Filter {
    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record is wanted.
    pub fn wants(&self, record: &Record) -> bool {
        let Event::Registry(event) = &record.event;
        let Self { kinds, by, about, scope, from, since, until } = self;
        (kinds.is_empty() || kinds.contains(&event.kind()))
            && since.is_none_or(|since| record.at >= since)
            && until.is_none_or(|until| record.at < until)
            && by.as_ref().is_none_or(|actor| actor.is(&record.principal))
            && about.as_ref().is_none_or(|about| match about {
                About::Device(id) => event.device().is_some_and(|(device, _)| device == *id),
                About::Token(id) => event.service_token() == Some(*id),
            })
            && scope
                .as_ref()
                .is_none_or(|scope| record.before.satisfies(scope) != record.after.satisfies(scope))
            && from.is_none_or(|range| {
                let address: Option<IpAddr> =
                    record.via.address.as_deref().and_then(|address| address.parse().ok());
                address.is_some_and(|address| range.contains(&address))
            })
    }
}

impl Actor {
    fn is(&self, principal: &Principal) -> bool {
        match (self, principal) {
            (Self::Host, Principal::Host { .. })
            | (Self::SharedSecret, Principal::SharedSecret(_))
            | (Self::Open, Principal::Open) => true,
            (Self::Device(device), principal) => principal.device() == Some(*device),
            (Self::Token(token), Principal::Token(id)) => token == id,
            (Self::Person(person), Principal::Person(name)) => person == name,
            (Self::Rule(rule), Principal::System(acting)) => rule == acting,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            ids::Seq,
            origin::Locality,
            registry::Event as E,
            scope::{Known, Role, ScopeSet},
        },
        ledger::{Transport, Via},
    };

    const DEVICE: DeviceId = DeviceId([1; 32]);
    const TOKEN: TokenId = TokenId([2; 16]);

    fn record(principal: Principal, event: E) -> Record {
        let via = Via {
            transport: Transport::WebSocket,
            address: Some("192.0.2.7".into()),
            locality: Locality::Elsewhere,
            connection: None,
            request: None,
        };
        let (before, after) = (ScopeSet::from_iter([Known::Read]), ScopeSet::empty());
        let (seq, at, authority) = (Seq(9), UnixMillis(1_000), Seq(3));
        Record { seq, at, principal, authority, via, before, after, event: Event::Registry(event) }
    }

    #[test]
    fn each_condition_row_by_row() {
        let by = |by| Filter { by: Some(by), ..Filter::default() };
        let about = |about| Filter { about: Some(about), ..Filter::default() };
        let scope = |known: Known| Filter { scope: Some(known.into()), ..Filter::default() };
        let from = |range: &str| Filter { from: range.parse().ok(), ..Filter::default() };
        let since = |at| Filter { since: Some(UnixMillis(at)), ..Filter::default() };
        let until = |at| Filter { until: Some(UnixMillis(at)), ..Filter::default() };
        let kinds = |kinds: &[&'static str]| Filter { kinds: kinds.to_vec(), ..Filter::default() };
        let revoked =
            E::GrantRevoked { device: DEVICE, role: Role::Operator, reason: None, bars: true };
        let record = record(Principal::Token(TOKEN), revoked);
        for (what, filter, expected) in [
            ("nothing asked", Filter::default(), true),
            ("its kind", kinds(&["grant_revoked"]), true),
            ("one of two kinds", kinds(&["token_issued", "grant_revoked"]), true),
            ("another kind", kinds(&["token_issued"]), false),
            ("its actor", by(Actor::Token(TOKEN)), true),
            ("another token", by(Actor::Token(TokenId([3; 16]))), false),
            ("the host", by(Actor::Host), false),
            ("the device as actor", by(Actor::Device(DEVICE)), false),
            ("a rule", by(Actor::Rule(Rule::Expiry)), false),
            ("a person", by(Actor::Person("ada".into())), false),
            ("the shared secret", by(Actor::SharedSecret), false),
            ("its subject", about(About::Device(DEVICE)), true),
            ("another device", about(About::Device(DeviceId([4; 32]))), false),
            ("the token as subject", about(About::Token(TOKEN)), false),
            ("a lost scope", scope(Known::Read), true),
            ("an unchanged scope", scope(Known::Admin), false),
            ("its network", from("192.0.2.0/24"), true),
            ("another network", from("198.51.100.0/24"), false),
            ("since then", since(1_000), true),
            ("since later", since(1_001), false),
            ("until later", until(1_001), true),
            ("until then", until(1_000), false),
        ] {
            assert_eq!(filter.wants(&record), expected, "{what}");
            assert_eq!(filter.is_empty(), what == "nothing asked", "{what}");
        }
    }

    #[test]
    fn a_device_acts_before_it_is_paired_too() {
        let asked = E::DeviceSeen { device: DEVICE };
        let filter = Filter { by: Some(Actor::Device(DEVICE)), ..Filter::default() };
        assert!(filter.wants(&record(Principal::Applicant(DEVICE), asked.clone())));
        assert!(filter.wants(&record(Principal::Device(DEVICE, Role::Node), asked.clone())));
        assert!(!filter.wants(&record(Principal::Applicant(DeviceId([5; 32])), asked)));
    }
}
