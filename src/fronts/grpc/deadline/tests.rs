//! Calls that take too long to begin, and answers that take too long to end.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
};

use http_body::Body as _;
use tonic::Code;
use tower::{ServiceExt as _, service_fn};

use super::*;

fn asked(timeout: &str) -> http::Request<()> {
    http::Request::builder().header("grpc-timeout", timeout).body(()).unwrap()
}

#[tokio::test]
async fn a_call_that_does_not_begin_in_time_ends_with_its_deadline() {
    let never = service_fn(|_: http::Request<()>| pending::<Result<_, Infallible>>());
    for timeout in ["1n", "20m"] {
        let answer = KeepDeadlines.layer(never).oneshot(asked(timeout)).await.unwrap();
        let status = answer.headers()["grpc-status"].to_str().unwrap().to_owned();
        assert_eq!(status, (Code::DeadlineExceeded as i32).to_string(), "{timeout}");
    }
}

/// A body that gives one piece after another, for ever.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_deadline_however_busy_it_is() {
    let busy = service_fn(async |_: http::Request<()>| {
        Ok::<_, Infallible>(http::Response::new(Body::new(Endless)))
    });
    let answer = KeepDeadlines.layer(busy).oneshot(asked("30m")).await.unwrap();
    let mut body = Box::pin(answer.into_body());
    let mut pieces = 0_u64;
    loop {
        let frame = poll_fn(|context| body.as_mut().poll_frame(context));
        let frame = frame.await.expect("it ends with trailers").unwrap();
        match frame.into_trailers() {
            Ok(trailers) => {
                let status = trailers["grpc-status"].to_str().unwrap();
                assert_eq!(status, (Code::DeadlineExceeded as i32).to_string());
                break;
            }
            Err(_) => pieces += 1,
        }
        tokio::task::yield_now().await;
    }
    assert!(pieces > 0, "it had begun");
    let end = poll_fn(|context| body.as_mut().poll_frame(context));
    assert!(end.await.is_none());
}

#[test]
fn timeouts_row_by_row() {
    for (text, expected) in [
        ("2H", Some(7_200_000)),
        ("3M", Some(180_000)),
        ("5S", Some(5_000)),
        ("70m", Some(70)),
        ("4000u", Some(4)),
        ("99999999n", Some(99)),
        ("", None),
        ("5", None),
        ("S", None),
        ("-1S", None),
        ("+1S", None),
        ("123456789S", None),
        ("5s", None),
        ("5é", None),
    ] {
        let read = timeout(asked_with(text).headers());
        assert_eq!(read.map(|left| left.as_millis()), expected, "{text}");
    }
    assert_eq!(timeout(&http::HeaderMap::new()), None);
}

fn asked_with(text: &str) -> http::Request<()> {
    let value = http::HeaderValue::from_bytes(text.as_bytes()).unwrap();
    http::Request::builder().header("grpc-timeout", value).body(()).unwrap()
}
