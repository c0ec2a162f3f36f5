//! The body of a request: bounded in size and in time.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    body::{self, BodyStream},
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    web::{self, Bytes},
};
use futures_util::Stream;
use serde::de::DeserializeOwned;

use super::{
    error,
    limits::{BODY_DEADLINE, ECHO_CHARS_MAX},
};

/// Reads the whole body as JSON of at most `limit` bytes.
///
/// # Errors
/// The answer, if it is too large, too slow or no such JSON.
pub async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<T, HttpResponse> {
    let bytes = body(request, payload, limit).await?;
    serde_json::from_slice(&bytes).map_err(|fault| {
        let said: String = fault.to_string().chars().take(ECHO_CHARS_MAX).collect();
        error::invalid(&format!("Invalid JSON body: {said}"))
    })
}

async fn body(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<Bytes, HttpResponse> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(error::too_large(limit));
    }
    arriving(payload, limit, BODY_DEADLINE).await
}

/// The whole of a body, if it is there in time.
async fn arriving(
    pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, HttpResponse> {
    let whole = body::to_bytes_limited(BodyStream::new(pieces), limit);
    match tokio::time::timeout(deadline, whole).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(error::invalid("the body ended before its end")),
        Ok(Err(_)) => Err(error::too_large(limit)),
        Err(_) => Err(error::too_slow()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use futures_util::stream::{self, StreamExt as _};

    use super::*;

    /// What a body that comes in these pieces comes to.
    fn comes_to(
        pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
        deadline: Duration,
    ) -> Result<Bytes, StatusCode> {
        let limit = Duration::from_secs(20);
        let outcome = actix_rt::System::new()
            .block_on(async { tokio::time::timeout(limit, arriving(pieces, 100, deadline)).await });
        outcome.expect("it hangs").map_err(|answer| answer.status())
    }

    /// One byte now and then is as slow as none at all: the deadline is for the whole.
    #[test]
    fn a_body_has_a_deadline() {
        let hello =
            || stream::iter([Ok(Bytes::from_static(b"hel")), Ok(Bytes::from_static(b"lo"))]);
        let drops = stream::repeat_with(|| Ok(Bytes::from_static(b" "))).then(async |drop| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop
        });
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
        let late = Err(StatusCode::REQUEST_TIMEOUT);
        assert_eq!(comes_to(hello(), long), Ok(Bytes::from_static(b"hello")));
        assert_eq!(comes_to(hello().chain(stream::pending()), short), late);
        assert_eq!(comes_to(stream::pending(), short), late);
        assert_eq!(comes_to(Box::pin(drops), short), late);
        let broken = stream::iter([Err(PayloadError::Incomplete(None))]);
        assert_eq!(comes_to(broken, long), Err(StatusCode::BAD_REQUEST));
    }
}
