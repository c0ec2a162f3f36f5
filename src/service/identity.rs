//! People whom a proxy vouches for (`gateway.auth.mode: "trusted-proxy"`).
//!
//! Only a trusted proxy is asked, only about a request that it passes on, and only from an address
//! that nobody but it has: from loopback if the configuration says so, and never from another
//! address of this host, because every process here could use that one. Whether the person may
//! enter, and what they hold, the policy says.

use super::attribution::{Attribution, Rule};
use crate::{
    domain::{
        refusal::{IdentityFault, Refusal},
        registry::Policy,
        scope::{Scope, ScopeSet},
    },
    support::network,
};

/// By which headers proxies vouch. Names are in lower case.
#[derive(Debug, Clone)]
pub struct Vouching {
    /// The header with the person's name.
    pub user_header: String,
    /// Headers that must be there and not blank.
    pub required_headers: Vec<String>,
    /// Whether a proxy on loopback is believed.
    pub allow_loopback: bool,
}

/// One line of a request's header: name in lower case, and value.
pub type Line<'h> = (&'h str, &'h [u8]);

/// By which a request limits itself, or its proxy limits it.
const CAP_HEADER: &str = "x-openclaw-scopes";

impl Vouching {
    /// The person that a request is from.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(super) fn person(
        &self,
        attribution: &Attribution,
        header: &[Line<'_>],
    ) -> Result<String, Refusal> {
        let missing = |fault| Err(Refusal::IdentityMissing(fault));
        let peer = match (attribution.rule, attribution.peer) {
            (Rule::ForwardedFor | Rule::Forwarded | Rule::RealIp, Some(peer)) => peer,
            _ => return missing(IdentityFault::Direct),
        };
        match peer.is_loopback() {
            true if !self.allow_loopback => return missing(IdentityFault::Loopback),
            // An address that cannot be looked up is not believed.
            false if network::is_own_address(peer).unwrap_or(true) => {
                return missing(IdentityFault::OwnAddress);
            }
            _ => {}
        }
        let lines = |name: &str| values(header, name).collect::<Vec<_>>();
        let blank = |lines: &[&[u8]]| lines.iter().all(|line| line.trim_ascii().is_empty());
        if self.required_headers.iter().any(|name| blank(&lines(name))) {
            return missing(IdentityFault::Header);
        }
        let [line] = lines(&self.user_header)[..] else { return missing(IdentityFault::Name) };
        let name = std::str::from_utf8(line).ok().and_then(Policy::person_name);
        name.ok_or(Refusal::IdentityMissing(IdentityFault::Name))
    }
}

/// What `x-openclaw-scopes` limits a request to; `None` if it is not there, nothing if it is empty.
/// It only ever takes away, so anyone may send it. Of several lines, each limits the others.
pub(super) fn cap(header: &[Line<'_>]) -> Option<ScopeSet> {
    let read = |line: &[u8]| -> ScopeSet {
        let text = String::from_utf8_lossy(line);
        let names = text.split(',').filter_map(|name| Scope::parse(name.trim()));
        names.take(ScopeSet::LEN_MAX).collect()
    };
    values(header, CAP_HEADER).map(read).reduce(|cap, line| cap.narrowed_to(&line))
}

fn values<'h>(header: &[Line<'h>], name: &str) -> impl Iterator<Item = &'h [u8]> {
    header.iter().filter(move |line| line.0 == name).map(|line| line.1)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::domain::{origin::Locality, scope::Known};

    fn through(peer: &str, rule: Rule) -> Attribution {
        let address = Some(IpAddr::from([203, 0, 113, 9]));
        Attribution { peer: peer.parse().ok(), address, locality: Locality::Elsewhere, rule }
    }

    fn lines(text: &str) -> Vec<Line<'_>> {
        let pairs = text.lines().map(|line| line.split_once(": ").unwrap());
        pairs.map(|(name, value)| (name, value.as_bytes())).collect()
    }

    const NAMED: &str = "x-user: Ann@Example.com\nx-proof: yes";

    #[test]
    fn people_row_by_row() {
        use IdentityFault::*;
        let far = through("10.0.0.1", Rule::ForwardedFor);
        let near = through("127.0.0.1", Rule::ForwardedFor);
        let direct = through("10.0.0.1", Rule::DirectElsewhere);
        let long = format!("x-user: {}\nx-proof: yes", "x".repeat(257));
        for (attribution, header, expected) in [
            (&far, NAMED, Ok("ann@example.com")),
            (&far, "x-user:  Ann \nx-proof: yes", Ok("Ann")),
            (&far, "x-user: uid=1,ou=x\nx-proof: \nx-proof: yes", Ok("uid=1,ou=x")),
            (&far, "x-user: ann", Err(Header)),
            (&far, "x-user: ann\nx-proof:  ", Err(Header)),
            (&far, "x-proof: yes", Err(Name)),
            (&far, "x-user:  \nx-proof: yes", Err(Name)),
            (&far, "x-user: ann\nx-user: ann\nx-proof: yes", Err(Name)),
            (&far, &long, Err(Name)),
            (&direct, NAMED, Err(Direct)),
            (&through("127.0.0.1", Rule::SilentLoopback), NAMED, Err(Direct)),
            (&near, NAMED, Err(Loopback)),
            (&through("203.0.113.200", Rule::Forwarded), NAMED, Ok("ann@example.com")),
            (&through("203.0.113.200", Rule::RealIp), NAMED, Ok("ann@example.com")),
        ] {
            let vouching = Vouching {
                user_header: "x-user".into(),
                required_headers: vec!["x-proof".into()],
                allow_loopback: false,
            };
            let found = vouching.person(attribution, &lines(header));
            let expected = expected.map(str::to_owned).map_err(Refusal::IdentityMissing);
            assert_eq!(found, expected, "{attribution:?} {header}");
            let allowing = Vouching { allow_loopback: true, ..vouching };
            assert_eq!(allowing.person(&near, &lines(NAMED)), Ok("ann@example.com".into()));
        }
    }

    #[test]
    fn caps_row_by_row() {
        let set = |known: &[Known]| Some(known.iter().copied().collect::<ScopeSet>());
        for (header, expected) in [
            ("", None),
            ("x-openclaw-scopes: ", set(&[])),
            ("x-openclaw-scopes: operator.read", set(&[Known::Read])),
            (
                "x-openclaw-scopes: operator.read, operator.write ,",
                set(&[Known::Read, Known::Write]),
            ),
            ("x-openclaw-scopes: Nonsense Here", set(&[])),
            (
                "x-openclaw-scopes: operator.write\nx-openclaw-scopes: operator.read",
                set(&[Known::Read]),
            ),
            ("x-openclaw-scopes: operator.read\nx-openclaw-scopes: operator.pairing", set(&[])),
        ] {
            assert_eq!(cap(&lines(header)), expected, "{header}");
        }
    }
}
