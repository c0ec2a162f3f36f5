//! The catalogue: every method that is served, with the operation that it is.
//!
//! `hello-ok.features.methods` is this list, so it never names what is not served.

use super::{
    dispatch::{Method, Serve},
    methods::{gateway, pairing},
};
use crate::domain::operation::Operation;

macro_rules! catalog {
    ($($name:literal => $operation:ident, $serve:ident($handler:path);)+) => {
        /// Every method, sorted by name.
        pub const METHODS: &[Method] = &[$(Method {
            name: $name,
            operation: Operation::$operation,
            serve: Serve::$serve($handler),
        }),+];
    };
}

catalog! {
    "config.get" => ReadConfig, Now(gateway::config_get);
    "device.pair.approve" => ApprovePairing, Later(pairing::approve);
    "device.pair.list" => ListPairings, Now(pairing::list);
    "device.pair.reject" => RejectPairing, Later(pairing::reject);
    "gateway.identity.get" => ReadIdentity, Now(gateway::identity_get);
    "health" => ReadHealth, Now(gateway::health);
    "status" => ReadStatus, Now(gateway::status);
    "system-presence" => ReadPresence, Now(gateway::system_presence);
}

/// The events that are sent.
pub const EVENTS: &[&str] = &[
    "connect.challenge",
    "device.pair.requested",
    "device.pair.resolved",
    "health",
    "presence",
    "shutdown",
    "tick",
];

/// Looks a method up.
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.binary_search_by(|method| method.name.cmp(name)).ok().map(|at| &METHODS[at])
}

/// The operation that a method is, if it is served.
pub fn operation_of(name: &str) -> Option<Operation> {
    find(name).map(|method| method.operation)
}
