//! The methods, by family. Each reads its parameters, calls one service method, writes its payload.

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
