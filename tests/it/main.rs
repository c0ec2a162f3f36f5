//! The one integration binary: one link step for all of it, one place to look.
//!
//! Every family of tests is a module here. What needs another language lives in `tests/clients`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no, helpers included")]

mod abuse;
mod access;
mod admin;
mod aggregate;
mod authority;
mod backup;
mod commands;
mod contract;
mod doctor;
mod durability;
mod ends;
mod export;
mod golden;
mod house;
mod http;
mod limits;
mod live;
mod lockouts;
mod metrics;
mod model;
mod params;
mod people;
mod proto;
mod proxies;
mod recovery;
mod rotation;
mod scopes;
mod sinks;
mod snapshot;
mod story;
mod talk;
mod threads;
mod tidy;
mod tlog;
mod wire;
