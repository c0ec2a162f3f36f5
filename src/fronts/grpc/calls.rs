//! The count of this front's calls by how they ended: outside everything else, because whoever answers
//! may say no. A stream counts when it begins.

use tonic::{Code, body::Body, codegen::http::Response};
use tower::{BoxError, util::MapResultLayer};

use super::error::Failure;
use crate::telemetry::metrics::{self, Outcome};

type Answer = Result<Response<Body>, BoxError>;

/// The layer that counts.
pub(super) type CountCalls = MapResultLayer<fn(Answer) -> Answer>;

/// Counts every call that passes.
pub(super) fn count_calls() -> CountCalls {
    MapResultLayer::new(|answer| {
        metrics::called("grpc", outcome(&answer));
        answer
    })
}

/// An answer without a message has its status in its headers; the doorkeeper's "no" is an error still.
fn outcome(answer: &Answer) -> Outcome {
    let code = match answer {
        Ok(response) => {
            let status = response.headers().get("grpc-status");
            status.map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
        }
        Err(error) => error.downcast_ref().map_or(Code::Internal, Failure::code),
    };
    match code {
        Code::Ok => Outcome::Ok,
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Outcome::ServerError,
        _ => Outcome::ClientError,
    }
}
