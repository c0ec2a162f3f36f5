//! Deadlines that callers give (`grpc-timeout`), kept for calls and streams alike.
//!
//! The library underneath stops waiting for the beginning of an answer and says CANCELLED; it knows
//! nothing of streams, which go on. Here both end with DEADLINE_EXCEEDED, as gRPC has it.

#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{
    body::Body,
    codegen::{Bytes, http},
};
use tower::{Layer, Service as Tower};

use super::error::{Failure, deadline_exceeded};

/// By how much a call ends before its time, so that the library's own clock, which began a little
/// earlier, does not answer first.
const MARGIN: Duration = Duration::from_millis(5);

/// The longest value of a timeout that the protocol has, in digits.
const DIGITS_MAX: usize = 8;

/// Ends what lasts longer than its caller wanted.
#[derive(Clone, Copy)]
pub(super) struct KeepDeadlines;

impl<S> Layer<S> for KeepDeadlines {
    type Service = Keeping<S>;

    fn layer(&self, inner: S) -> Keeping<S> {
        Keeping { inner }
    }
}

/// A service whose calls end in time.
#[derive(Clone)]
pub(super) struct Keeping<S> {
    inner: S,
}

impl<S, B> Tower<http::Request<B>> for Keeping<S>
where
    S: Tower<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let left = timeout(request.headers());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Some(left) = left else { return answer.await };
            let mut deadline = Box::pin(sleep(left.saturating_sub(MARGIN)));
            tokio::select! {
                biased;
                () = &mut deadline => Ok(deadline_exceeded().into_http()),
                answer = answer => Ok(answer?.map(|body| Body::new(Until { body, deadline, over: false }))),
            }
        })
    }
}

/// How long the caller wants to wait: `100m` is 100 milliseconds. What cannot be read is no limit.
fn timeout(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// An answer that ends at its deadline, whatever is left of it.
struct Until {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    over: bool,
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            self.over = true;
            let mut trailers = http::HeaderMap::new();
            let told = deadline_exceeded().add_header(&mut trailers);
            return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
