//! doorward: a gateway that speaks the OpenClaw Gateway protocol, over a ledger of authority.
//!
//! The floor plan, in reading order. An arrow in `docs/ARCHITECTURE.md` means "is used by": a room
//! may name itself and the rooms above it here, never one below.
#![forbid(unsafe_code)]

pub mod support;

pub mod domain;

pub mod ledger;

pub mod transcripts;

pub mod runtimes;

pub mod actors;

pub mod service;

pub mod config;

pub mod telemetry;

pub mod proto;

pub mod fronts;

pub mod boot;
