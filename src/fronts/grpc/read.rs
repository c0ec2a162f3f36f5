//! What callers send, from the contract's language to the domain's.
//!
//! What cannot be read is a faulty request; whether it is allowed is not asked here.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{
    error::{Failure, invalid},
    record,
};
use crate::{
    domain::{
        ids::{CodeId, DeviceId, LABEL_CHARS_MAX, RequestId, TokenId, is_label},
        principal::Subject,
        registry::{AuthMode, Event, Policy},
        scope::{Role, Scope, ScopeSet},
        time::UnixMillis,
    },
    proto::v1,
    service::{About, Actor, Filter, Moment},
};

/// The longest idempotency key that is taken, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// The longest reason that is taken, in bytes: a sentence or two.
const REASON_BYTES_MAX: usize = 256;

pub(super) fn request_id(text: &str) -> Result<RequestId, Failure> {
    RequestId::parse(text).ok_or_else(|| invalid("request_id must be a UUID"))
}

pub(super) fn device_id(text: &str) -> Result<DeviceId, Failure> {
    DeviceId::parse(text).ok_or_else(|| invalid("device_id must be 64 lowercase hex digits"))
}

pub(super) fn token_id(text: &str) -> Result<TokenId, Failure> {
    TokenId::parse(text).ok_or_else(|| invalid("token_id must be a UUID"))
}

pub(super) fn code_id(text: &str) -> Result<CodeId, Failure> {
    CodeId::parse(text).ok_or_else(|| invalid("code_id must be a UUID"))
}

pub(super) fn role(role: i32) -> Result<Role, Failure> {
    match v1::Role::try_from(role) {
        Ok(v1::Role::Operator) => Ok(Role::Operator),
        Ok(v1::Role::Node) => Ok(Role::Node),
        Ok(v1::Role::Unspecified) | Err(_) => Err(invalid("role must be given")),
    }
}

pub(super) fn device_in_role(device: &v1::DeviceInRole) -> Result<Subject, Failure> {
    Ok(Subject::Device(device_id(&device.device_id)?, role(device.role)?))
}

/// The faulty name is the error.
pub(super) fn scopes(scopes: &v1::Scopes) -> Result<ScopeSet, Failure> {
    if scopes.names.len() > ScopeSet::LEN_MAX {
        return Err(invalid(format!("more than {} scopes", ScopeSet::LEN_MAX)));
    }
    let read =
        |name: &String| Scope::parse(name).ok_or_else(|| invalid(format!("no scope: {name:?}")));
    scopes.names.iter().map(read).collect()
}

pub(super) fn maybe_scopes(given: &Option<v1::Scopes>) -> Result<Option<ScopeSet>, Failure> {
    given.as_ref().map(scopes).transpose()
}

/// A name that people give, called `field` in the contract.
pub(super) fn label(field: &str, text: String) -> Result<String, Failure> {
    let rule = || invalid(format!("{field} must have 1 to {LABEL_CHARS_MAX} plain characters"));
    is_label(&text).then_some(text).ok_or_else(rule)
}

/// A reason that goes into the record.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, Failure> {
    let fits = |text: &String| {
        !text.trim().is_empty()
            && text.len() <= REASON_BYTES_MAX
            && !text.chars().any(char::is_control)
    };
    match given {
        Some(text) if !fits(&text) => {
            Err(invalid(format!("force_reason must have 1 to {REASON_BYTES_MAX} plain bytes")))
        }
        given => Ok(given),
    }
}

pub(super) fn idempotency_key(given: Option<String>) -> Result<Option<String>, Failure> {
    match given {
        Some(key) if key.is_empty() || key.len() > KEY_BYTES_MAX => {
            Err(invalid(format!("idempotency_key must have 1 to {KEY_BYTES_MAX} bytes")))
        }
        given => Ok(given),
    }
}

/// An address alone means that one.
pub(super) fn range(text: &str) -> Result<IpNet, Failure> {
    let alone = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    let range = text.parse::<IpNet>().or_else(|_| alone());
    range.map(|range| range.trunc()).map_err(|_| invalid(format!("no address range: {text:?}")))
}

/// A moment in any of the shapes that the contract gives it; none means now.
pub(super) fn moment(given: Option<impl Into<Moment>>) -> Moment {
    given.map_or(Moment::Now, Into::into)
}

impl From<v1::Moment> for Moment {
    fn from(moment: v1::Moment) -> Self {
        match moment.at {
            None => Self::Now,
            Some(v1::moment::At::Seq(seq)) => Self::Seq(seq),
            Some(v1::moment::At::TimeMs(time)) => Self::Time(UnixMillis(time)),
        }
    }
}

impl From<v1::state_as_of_request::Moment> for Moment {
    fn from(moment: v1::state_as_of_request::Moment) -> Self {
        match moment {
            v1::state_as_of_request::Moment::Seq(seq) => Self::Seq(seq),
            v1::state_as_of_request::Moment::TimeMs(time) => Self::Time(UnixMillis(time)),
        }
    }
}

/// Which records are wanted.
pub(super) fn filter(given: v1::RecordFilter) -> Result<Filter, Failure> {
    let v1::RecordFilter { kinds, by, about, scope, address, since_ms, until_ms } = given;
    let kind = |name: &String| {
        let known = Event::KINDS.iter().copied().find(|known| known == name);
        known.ok_or_else(|| invalid(format!("no kind of record: {name:?}")))
    };
    let scope_of =
        |name: String| Scope::parse(&name).ok_or_else(|| invalid(format!("no scope: {name:?}")));
    Ok(Filter {
        kinds: kinds.iter().map(kind).collect::<Result<_, _>>()?,
        by: by.as_deref().map(actor).transpose()?,
        about: about.as_deref().map(about_whom).transpose()?,
        scope: scope.map(scope_of).transpose()?,
        from: address.as_deref().map(range).transpose()?,
        since: since_ms.map(UnixMillis),
        until: until_ms.map(UnixMillis),
    })
}

fn actor(text: &str) -> Result<Actor, Failure> {
    match text.split_once(':') {
        None if text == "host" => Ok(Actor::Host),
        None if text == "shared-secret" => Ok(Actor::SharedSecret),
        None if text == "open" => Ok(Actor::Open),
        Some(("device", id)) => device_id(id).map(Actor::Device),
        Some(("token", id)) => token_id(id).map(Actor::Token),
        Some(("person", name)) => Ok(Actor::Person(name.to_owned())),
        Some(("rule", name)) => {
            let rule = record::rule(name).ok_or_else(|| invalid(format!("no rule: {name:?}")))?;
            Ok(Actor::Rule(rule))
        }
        _ => Err(invalid(format!("nobody is called {text:?} here"))),
    }
}

fn about_whom(text: &str) -> Result<About, Failure> {
    match text.split_once(':') {
        Some(("device", id)) => device_id(id).map(About::Device),
        Some(("token", id)) => token_id(id).map(About::Token),
        _ => Err(invalid("about must be device:<id> or token:<id>")),
    }
}

/// A policy to try.
pub(super) fn policy(given: v1::Policy) -> Result<Policy, Failure> {
    let v1::Policy {
        seq: _,
        auth_mode,
        shared_scopes,
        loopback_scopes,
        auto_approve_local,
        auto_approve_cidrs,
        people,
        others,
        ceilings,
    } = given;
    let auth_mode = match v1::AuthMode::try_from(auth_mode) {
        Ok(v1::AuthMode::Token) => AuthMode::Token,
        Ok(v1::AuthMode::Password) => AuthMode::Password,
        Ok(v1::AuthMode::None) => AuthMode::None,
        Ok(v1::AuthMode::TrustedProxy) => AuthMode::TrustedProxy,
        Ok(v1::AuthMode::Unspecified) | Err(_) => return Err(invalid("auth_mode must be given")),
    };
    let named = |all: BTreeMap<String, v1::Scopes>| -> Result<BTreeMap<_, _>, Failure> {
        all.into_iter().map(|(name, held)| Ok((name, scopes(&held)?))).collect()
    };
    Ok(Policy {
        auth_mode,
        shared_scopes: maybe_scopes(&shared_scopes)?.unwrap_or_default(),
        loopback_scopes: maybe_scopes(&loopback_scopes)?.unwrap_or_default(),
        auto_approve_local,
        auto_approve_cidrs: auto_approve_cidrs
            .iter()
            .map(|text| range(text))
            .collect::<Result<_, _>>()?,
        people: named(people)?,
        others: maybe_scopes(&others)?,
        ceilings: named(ceilings)?,
    })
}

pub(super) fn bytes32(field: &str, bytes: &[u8]) -> Result<[u8; 32], Failure> {
    bytes.try_into().map_err(|_| invalid(format!("{field} must have 32 bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_row_by_row() {
        for (text, expected) in [
            ("192.168.1.0/24", Some("192.168.1.0/24")),
            ("192.168.1.7", Some("192.168.1.7/32")),
            ("192.168.1.7/24", Some("192.168.1.0/24")),
            ("2001:db8::7", Some("2001:db8::7/128")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("192.168.1.0/33", None),
            ("home", None),
            ("", None),
        ] {
            let read = range(text).ok().map(|range| range.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_reasons_and_keys_are_plain_and_bounded() {
        let long = "x".repeat(257);
        for (text, label_fits, reason_fits, key_fits) in [
            ("grafana", true, true, true),
            ("Küche", true, true, true),
            ("", false, false, false),
            ("two\nlines", false, false, true),
            (&long[..64], true, true, true),
            (&long[..65], false, true, false),
            (&long[..], false, false, false),
        ] {
            assert_eq!(label("name", text.into()).is_ok(), label_fits, "{text:?}");
            assert_eq!(reason(Some(text.into())).is_ok(), reason_fits, "{text:?}");
            assert_eq!(idempotency_key(Some(text.into())).is_ok(), key_fits, "{text:?}");
        }
        assert_eq!(reason(None).unwrap(), None);
        assert_eq!(idempotency_key(None).unwrap(), None);
    }
}
