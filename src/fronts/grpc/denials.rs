//! Calls that were denied, counted: around every service, because every one may deny.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tonic::{Code, codegen::http};
use tower::{Layer, Service as Tower};

use super::peer;
use crate::{proto::refusal, service::Service};

/// Counts what the services inside deny to callers that the doorkeeper let in.
#[derive(Clone)]
pub(super) struct CountDenials(pub Option<Service>);

impl<S> Layer<S> for CountDenials {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, service: self.0.clone() }
    }
}

/// A service whose denials are counted.
#[derive(Clone)]
pub(super) struct Counting<S> {
    inner: S,
    service: Option<Service>,
}

impl<S, B, R> Tower<http::Request<B>> for Counting<S>
where
    S: Tower<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let caller = peer::caller_of(request.extensions());
        let counted = self.service.clone().zip(caller);
        let call = request.uri().path().trim_start_matches('/').to_owned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if let Some((service, (standing, via))) = counted
                && let Some(code) = denial(response.headers())
            {
                service.note_denied(&standing, &call, &code, &via);
            }
            Ok(response)
        })
    }
}

/// The refusal's code, if the answer is a denial: an answer without a message has its status in its
/// headers.
fn denial(headers: &http::HeaderMap) -> Option<String> {
    let denied =
        headers.get("grpc-status")? == (Code::PermissionDenied as i32).to_string().as_str();
    let code = headers.get(refusal::CODE).and_then(|code| code.to_str().ok());
    denied.then(|| code.unwrap_or_default().to_owned())
}
