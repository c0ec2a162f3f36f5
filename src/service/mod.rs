//! The only door that the fronts may knock on: authenticate, then one method per operation.
//!
//! Every method takes the [`Standing`](crate::domain::principal::Standing) of who asks and passes
//! gate 1 itself, so that no front can forget it and all fronts get the same answer. Time, ids and
//! tokens are minted here; a token's plaintext goes to the caller and its hash into the command.
//!
//! Wire types are not known here, and neither are `sled` and `bincode`. Start with
//! [`authenticate`], then [`pairing`].

mod attribution;
mod audit;
mod authenticate;
mod connect;
mod gateway;
mod pairing;
mod proof;

use std::sync::Arc;

use crate::{
    actors::{hub::HubHandle, registry::RegistryHandle},
    domain::registry::AuthMode,
    ledger::LedgerHandle,
    support::secret::Secret,
};

pub use crate::{
    actors::{
        conn,
        hub::ConnId,
        limits,
        news::{Fact, News, Presence, PresenceBoard},
    },
    ledger::{
        audit::Entry,
        error::{OpenError, StoreError},
        record::{Record, Transport, Via},
    },
};
pub use attribution::{Attribution, NotAttributable, attribute};
pub use audit::{AsOf, Broken, Offline, Verdict, offline};
pub use connect::{Connect, Entered, Outcome, Presented};
pub use gateway::{Info, Status};
pub use pairing::{Approved, Pairings, Rejected};
pub use proof::{Challenge, DeviceClaim};

/// The secret that clients without a paired device prove.
pub enum SharedSecret {
    /// Mode `token`.
    Token(Secret<String>),
    /// Mode `password`.
    Password(Secret<String>),
    /// Mode `none`.
    None,
}

impl SharedSecret {
    /// The mode that this secret belongs to.
    pub fn mode(&self) -> AuthMode {
        match self {
            Self::Token(_) => AuthMode::Token,
            Self::Password(_) => AuthMode::Password,
            Self::None => AuthMode::None,
        }
    }
}

/// The house behind the doors. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    registry: RegistryHandle,
    hub: HubHandle,
    ledger: LedgerHandle,
    secret: SharedSecret,
    info: Info,
}

impl Service {
    /// Puts the parts together; `boot` calls this once.
    pub fn new(
        registry: RegistryHandle,
        hub: HubHandle,
        ledger: LedgerHandle,
        secret: SharedSecret,
        info: Info,
    ) -> Self {
        Self(Arc::new(Inner { registry, hub, ledger, secret, info }))
    }

    /// The hub, for the connections that a front opens.
    pub fn hub(&self) -> &HubHandle {
        &self.0.hub
    }
}
