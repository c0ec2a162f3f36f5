//! Who a client is here, and where it was seen to come from (N7 A7.2).

use std::net::IpAddr;

use super::{
    Attribution, Service,
    attribution::{NotAttributable, Rule},
};
use crate::domain::{
    operation::Operation, origin::Locality, permit, principal::Standing, refusal::Refusal,
    time::UnixMillis,
};

/// Where a client was seen to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The other end of the socket.
    pub peer: Option<IpAddr>,
    /// The client, if its address is known.
    pub address: Option<IpAddr>,
    /// Whether that is this machine; `None` if nobody can tell, and the client is refused.
    pub local: Option<bool>,
    /// The rule that decided.
    pub rule: Rule,
}

impl Seen {
    /// Somebody at the admin socket.
    pub const AT_ADMIN_SOCKET: Self =
        Self { peer: None, address: None, local: Some(true), rule: Rule::AdminSocket };

    /// What to change if this is not what was meant.
    pub fn remedy(&self) -> String {
        self.rule.remedy(self.peer)
    }
}

impl From<&Attribution> for Seen {
    fn from(found: &Attribution) -> Self {
        let Attribution { peer, address, locality, rule } = *found;
        Self { peer, address, local: Some(locality == Locality::DirectLoopback), rule }
    }
}

impl From<&NotAttributable> for Seen {
    fn from(fault: &NotAttributable) -> Self {
        let NotAttributable { peer, rule, header: _ } = *fault;
        Self { peer, address: None, local: None, rule }
    }
}

/// What a client that was let in is, and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami {
    /// What it stands on.
    pub standing: Standing,
    /// When its grant ends, if it does.
    pub ends_at: Option<UnixMillis>,
}

impl Service {
    /// Tells a client who it is. Everyone who was let in may ask.
    ///
    /// # Errors
    /// If the grant has ended meanwhile.
    pub fn whoami(&self, who: &Standing) -> Result<Whoami, Refusal> {
        permit::check(who, Operation::WhoAmI)?;
        let subject = who.principal.subject();
        let ends_at = subject.and_then(|subject| self.0.registry.peek().ends_at(&subject));
        Ok(Whoami { standing: who.clone(), ends_at })
    }
}
