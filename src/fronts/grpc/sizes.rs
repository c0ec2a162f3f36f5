//! Requests that are too large to be read, refused in this front's own words.
//!
//! The library underneath looks at the length before it reads a request, and refuses what is longer
//! with OUT_OF_RANGE and a sentence for its own developers.

use tonic::{Code, body::Body, codegen::http::Response};
use tower::util::MapResponseLayer;

use super::error::request_too_large;
use crate::proto::{REQUEST_BYTES_MAX, refusal};

/// The layer that says it.
pub(super) type TellSizes = MapResponseLayer<fn(Response<Body>) -> Response<Body>>;

/// Says of every request that is too large what it may be.
pub(super) fn tell_sizes() -> TellSizes {
    MapResponseLayer::new(|answer| match too_large(&answer) {
        true => request_too_large(REQUEST_BYTES_MAX).into_http(),
        false => answer,
    })
}

/// Whether the library refused the request: what this front finds out of range has a code of its own,
/// and an answer that the library cannot send has its status behind it, not in its headers.
fn too_large(answer: &Response<Body>) -> bool {
    let status = answer.headers().get("grpc-status");
    let status = status.map(|status| Code::from_bytes(status.as_bytes()));
    status == Some(Code::OutOfRange) && !answer.headers().contains_key(refusal::CODE)
}
