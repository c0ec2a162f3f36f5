//! doorward: a gateway that speaks the OpenClaw Gateway protocol, over a ledger of authority.

pub mod domain;
pub mod ledger;
pub mod support;
