//! A request at any door, before anything is proven: where it comes from, and what its header says
//! besides a credential.

use std::net::IpAddr;

use super::{
    Service,
    attribution::{Attribution, NotAttributable},
    identity::{self, Line},
};
use crate::domain::{
    refusal::{IdentityFault, Refusal},
    scope::ScopeSet,
};

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where it comes from.
    pub attribution: Attribution,
    /// The person whom a trusted proxy vouches for, or why there is none; always none where the
    /// gateway does not ask for one.
    pub person: Result<String, Refusal>,
    /// What it limits itself to, whatever is granted.
    pub cap: Option<ScopeSet>,
    /// The page that it comes from. What is not text is kept as what it is not, so that it cannot
    /// pass for absent.
    pub origin: Option<String>,
    /// Its `Host`.
    pub host: Option<String>,
}

impl Service {
    /// Takes a request in, from the address of its socket and the lines of its header.
    ///
    /// # Errors
    /// If the peer speaks for someone whom nobody can name.
    pub fn arrive(
        &self,
        peer: Option<IpAddr>,
        header: &[Line<'_>],
    ) -> Result<Arrival, NotAttributable> {
        let info = &self.0.info;
        let attribution = info.proxies.attribute(peer, header.iter().copied())?;
        let person = match &info.vouching {
            Some(vouching) => vouching.person(&attribution, header),
            None => Err(Refusal::IdentityMissing(IdentityFault::Direct)),
        };
        let text = |name| {
            let line = header.iter().find(|line| line.0 == name)?;
            Some(String::from_utf8_lossy(line.1).into_owned())
        };
        let (origin, host) = (text("origin"), text("host"));
        Ok(Arrival { attribution, person, cap: identity::cap(header), origin, host })
    }
}
