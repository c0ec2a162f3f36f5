//! The methods, by family.
//!
//! Each reads its parameters, calls one service method and writes its payload. A method may not
//! decide who may call it: its row in the catalogue names the operation, and gate 1 was passed
//! before it runs.

pub mod gateway;
pub mod pairing;

use super::{
    dispatch::Call,
    error::{Fault, invalid},
};

/// Wraps a complaint about parameters in the words of the real gateway.
fn bad_params(call: &Call<'_>, fault: &str) -> Fault {
    invalid(&format!("invalid {} params: {fault}", call.method))
}
