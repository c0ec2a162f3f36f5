//! The methods, by family.
//!
//! Each reads its parameters, calls one service method and writes its payload. A method may not
//! decide who may call it: its row in the catalogue names the operation, and gate 1 was passed
//! before it runs.

pub mod agent;
pub mod approvals;
pub mod catalogs;
pub mod chat;
pub mod devices;
pub mod gateway;
pub mod lockouts;
pub mod pairing;
pub mod sessions;
pub mod setup;
mod talk_params;
pub mod tokens;
pub mod upgrade;
pub mod usage;

use super::{
    dispatch::Call,
    error::{Fault, invalid, of_call},
    wire::{Misread, Params, read_params},
};

/// Reads the parameters of a call.
fn read<T: Params>(call: &Call<'_>) -> Result<T, Fault> {
    read_params(call.params).map_err(|misread| match misread {
        Misread::Params(fault) => bad_params(call, &fault),
        Misread::Said(words) => invalid(words),
        Misread::Refused(refusal) => of_call(&refusal),
    })
}

/// Wraps a complaint about parameters in the words of the real gateway.
fn bad_params(call: &Call<'_>, fault: &str) -> Fault {
    invalid(&format!("invalid {} params: {fault}", call.method))
}
