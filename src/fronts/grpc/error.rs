//! Every way to say no over gRPC: one table from refusals to codes, and the few faults that only
//! this front has.
//!
//! This is the only file that names `tonic::Status`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tonic::{
    Code,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    domain::{
        refusal::{ApprovalFault, Refusal},
        registry::called::{Among, PREFIX_MIN, Unclear},
    },
    proto::refusal::{CODE, DOMAIN, GRANTORS, MISSING, REMEDY, RETRY_AFTER_MS},
    service::{NotAttributable, StoreError},
    telemetry::metrics,
};

/// How many characters a fault of this front tells of what happened. It may name what the caller sent,
/// which may fill a request, and a client hangs up on more than some KiB of headers.
const TEXT_CHARS_MAX: usize = 256;

/// A call that failed.
pub type Failure = tonic::Status;

/// A refusal as gRPC says it, with its code, what is missing, who can grant it and what to do.
pub(super) fn refused(refusal: &Refusal) -> Failure {
    metrics::refused("grpc", refusal.code());
    let (missing, remedy) = (refusal.missing(), refusal.remedy());
    let words = Words {
        code: refusal.code(),
        missing: &missing,
        grantors: refusal.grantors(),
        remedy: &remedy,
    };
    let retry_after_ms = match refusal {
        Refusal::Unavailable { retry_after_ms, .. }
        | Refusal::RateLimited { retry_after_ms }
        | Refusal::Throttled { retry_after_ms } => Some(*retry_after_ms),
        _ => None,
    };
    failed(code(refusal), sentence(refusal), &words, retry_after_ms)
}

/// What a failure says besides its gRPC code.
struct Words<'a> {
    code: &'static str,
    missing: &'a str,
    grantors: &'static str,
    remedy: &'a str,
}

/// A fault of this front, which says as much as a refusal does.
fn faulty(code: Code, text: impl Into<String>, words: &Words<'_>) -> Failure {
    failed(code, text.into().chars().take(TEXT_CHARS_MAX).collect(), words, None)
}

/// Everything is said twice: as metadata for those who read that, and as the standard details of
/// `google.rpc` for libraries that know them.
fn failed(code: Code, text: String, words: &Words<'_>, retry_after_ms: Option<u64>) -> Failure {
    let mut metadata = MetadataMap::new();
    metadata.insert(CODE, AsciiMetadataValue::from_static(words.code));
    metadata.insert(MISSING, ascii(words.missing));
    metadata.insert(GRANTORS, AsciiMetadataValue::from_static(words.grantors));
    metadata.insert(REMEDY, ascii(words.remedy));
    if let Some(delay) = retry_after_ms {
        metadata.insert(RETRY_AFTER_MS, AsciiMetadataValue::from(delay));
    }
    let details = details(code, &text, words, retry_after_ms);
    Failure::with_error_details_and_metadata(code, text, details, metadata)
}

fn details(code: Code, text: &str, words: &Words<'_>, delay: Option<u64>) -> ErrorDetails {
    let told = [("missing", words.missing), ("grantors", words.grantors), ("remedy", words.remedy)];
    let told = told.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut details = ErrorDetails::with_error_info(words.code, DOMAIN, told);
    if code == Code::FailedPrecondition {
        details.add_precondition_failure_violation(words.code, words.missing, text);
    }
    if let Some(delay) = delay {
        details.set_retry_info(Some(Duration::from_millis(delay)));
    }
    details
}

/// Someone who is not the host, and shows no credential.
pub(super) fn stranger(uid: Option<u32>, own: u32) -> Failure {
    let who = uid.map_or_else(|| "an unknown user".into(), |uid| format!("uid {uid}"));
    let text = format!("{who} may not administer this gateway; it runs as uid {own}");
    let words = Words {
        code: "HOST_ONLY",
        missing: &format!("the identity of uid {own} or root, or a service token"),
        grantors: "the gateway host",
        remedy: &format!("sudo -u '#{own}' doorward ..."),
    };
    faulty(Code::PermissionDenied, text, &words)
}

/// A call over the network without a credential, or with one that cannot be read.
pub(super) fn bearer_required() -> Failure {
    let words = Words {
        code: "BEARER_REQUIRED",
        missing: "the metadata `authorization: Bearer <credential>`",
        grantors: "the gateway host, or an operator with operator.pairing",
        remedy: "doorward tokens create --name <client> --scope operator.read",
    };
    faulty(Code::Unauthenticated, "there is no credential that can be read", &words)
}

/// A client's certificate that stands for nothing here. Its fingerprint is no secret to its holder.
pub(super) fn certificate_unknown(fingerprint: &[u8; 32]) -> Failure {
    let hex: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let words = Words {
        code: "CERTIFICATE_UNKNOWN",
        missing: "a certificate that stands for a service token, or a credential",
        grantors: "whoever configures the gateway host",
        remedy: &format!("add \"{hex}\" under doorward.grpc.tls.clients"),
    };
    faulty(Code::Unauthenticated, "nobody is known by that certificate", &words)
}

/// A call from a proxy that the gateway was not told of.
pub(super) fn not_attributable(fault: &NotAttributable) -> Failure {
    let words = Words {
        code: "PROXY_ATTRIBUTION_REQUIRED",
        missing: "the address of the client",
        grantors: "whoever configures the proxy",
        remedy: "connect directly, or make the proxy drop forwarding headers",
    };
    let header = fault.header.as_deref().unwrap_or("a forwarding header");
    let text = format!("the request carries `{header}`, and no proxy is trusted here");
    faulty(Code::PermissionDenied, text, &words)
}

/// The server was put together without a doorkeeper.
pub(super) fn no_doorkeeper() -> Failure {
    Failure::internal("the caller was not identified")
}

/// A request that cannot be read.
pub(super) fn invalid(what: impl Into<String>) -> Failure {
    let words = Words {
        code: "INVALID_REQUEST",
        missing: "a request that can be read",
        grantors: "the client itself",
        remedy: "see the comments in proto/doorward/admin/v1",
    };
    faulty(Code::InvalidArgument, what, &words)
}

/// A page token that this list did not give for these arguments.
pub(super) fn page_token_unfit() -> Failure {
    let words = Words {
        code: "PAGE_TOKEN_UNFIT",
        missing: "a page_token that this list gave for the same arguments",
        grantors: "the client itself",
        remedy: "ask for the first page: leave page_token empty",
    };
    faulty(Code::InvalidArgument, "page_token is for another list or other arguments", &words)
}

/// A request that is not read, because it is larger than `most` bytes.
pub(super) fn request_too_large(most: usize) -> Failure {
    let words = Words {
        code: "REQUEST_TOO_LARGE",
        missing: &format!("a request of at most {most} bytes"),
        grantors: "the client itself",
        remedy: "send less in one call",
    };
    let text = format!("the request has more than {most} bytes");
    faulty(Code::ResourceExhausted, text, &words)
}

/// An answer of so many bytes, which no client of ours would read. `instead` gives it in pieces.
pub(super) fn answer_too_large(bytes: usize, most: usize, instead: &str) -> Failure {
    let words = Words {
        code: "ANSWER_TOO_LARGE",
        missing: &format!("an answer of at most {most} bytes"),
        grantors: "the client itself",
        remedy: &format!("call {instead}, which answers in pieces"),
    };
    let text = format!("the answer would have {bytes} bytes");
    faulty(Code::ResourceExhausted, text, &words)
}

/// A text that means nobody, or that could mean several.
pub(super) fn unclear(who: &str, among: Among, unclear: Unclear) -> Failure {
    let (what, remedy) = match among {
        Among::Everyone | Among::Devices => ("device", "doorward devices list"),
        Among::Tokens => ("service token", "doorward tokens list"),
    };
    let (code, name, text) = match unclear {
        Unclear::Short => {
            let text = format!("give at least {PREFIX_MIN} characters of the id, or a name");
            (Code::InvalidArgument, "NAME_UNCLEAR", text)
        }
        Unclear::Several(count) => {
            let text = format!("{who:?} could mean {count} of them");
            (Code::InvalidArgument, "NAME_UNCLEAR", text)
        }
        Unclear::Nobody => {
            let text = format!("no {what} is called {who:?} or begins with it");
            (Code::NotFound, "NAME_UNKNOWN", text)
        }
    };
    let grantors = "the client itself";
    let missing = "an id, the beginning of just one, or a name";
    faulty(code, text, &Words { code: name, missing, grantors, remedy })
}

/// The time that the caller gave the call is over.
pub(super) fn deadline_exceeded() -> Failure {
    Failure::deadline_exceeded("the time that the caller gave this call is over")
}

/// The gateway stops while a stream is open.
pub(super) fn stopping() -> Failure {
    Failure::unavailable("the gateway is stopping")
}

/// There is nobody who could tell of new records.
pub(super) fn nothing_to_follow() -> Failure {
    let words = Words {
        code: "NOTHING_TO_FOLLOW",
        missing: "a running gateway",
        grantors: "the gateway host",
        remedy: "doorward run",
    };
    let text = "no gateway is running, so there is nothing to follow";
    faulty(Code::FailedPrecondition, text, &words)
}

/// The store of a gateway that is not running cannot be read.
pub(super) fn unreadable(error: &StoreError) -> Failure {
    Failure::data_loss(error.to_string())
}

/// A worker of the gateway failed; its own log says how.
pub(super) fn broken_worker() -> Failure {
    Failure::internal("the gateway failed at this call; its log says more")
}

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::SecretMissing(_)
        | Refusal::SecretMismatch { .. }
        | Refusal::DeviceTokenMismatch
        | Refusal::SetupCode(_)
        | Refusal::ServiceToken(_)
        | Refusal::IdentityMissing(_)
        | Refusal::DeviceIdentityRequired
        | Refusal::DeviceProof(_) => Code::Unauthenticated,
        Refusal::DeviceScopeMismatch { .. }
        | Refusal::OriginNotAllowed(_)
        | Refusal::PairingRequired(_)
        | Refusal::MissingScope { .. }
        | Refusal::BeyondApprover { .. }
        | Refusal::WrongRole { .. }
        | Refusal::NotYours
        | Refusal::HostOnly
        | Refusal::IdentityNotAllowed
        | Refusal::BeyondBaseline { .. }
        | Refusal::HeldForReview { .. }
        | Refusal::GrantEnded => Code::PermissionDenied,
        Refusal::TooManyPending
        | Refusal::TooManyScopes
        | Refusal::LimitReached { .. }
        | Refusal::RateLimited { .. }
        | Refusal::Throttled { .. } => Code::ResourceExhausted,
        Refusal::UnknownRequest
        | Refusal::UnknownDevice
        | Refusal::NoGrant { .. }
        | Refusal::UnknownToken
        | Refusal::UnknownCode
        | Refusal::UnknownMethod
        | Refusal::UnknownAgent
        | Refusal::UnknownSession
        | Refusal::UnknownRun
        | Refusal::UnknownCeiling => Code::NotFound,
        Refusal::NameTaken | Refusal::LabelTaken => Code::AlreadyExists,
        Refusal::UnknownRecord => Code::OutOfRange,
        Refusal::AlreadyOver | Refusal::WeakSecret { .. } | Refusal::IdempotencyKeyReused => {
            Code::InvalidArgument
        }
        Refusal::RequestClosed { .. }
        | Refusal::LastAdmin
        | Refusal::AddressUnfit { .. }
        | Refusal::SecretIsElsewhere { .. } => Code::FailedPrecondition,
        Refusal::RequestSuperseded { .. }
        | Refusal::RequestChanged { .. }
        | Refusal::SessionWasReset => Code::Aborted,
        Refusal::Unavailable { .. } => Code::Unavailable,
        Refusal::Approval(ApprovalFault::Unknown) => Code::NotFound,
        Refusal::Approval(ApprovalFault::Closed { .. }) => Code::FailedPrecondition,
        Refusal::Approval(ApprovalFault::NotOffered { .. }) => Code::InvalidArgument,
    }
}

/// What happened, in one line. The rest is in the metadata.
fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownRequest => "there is no such pairing request".into(),
        Refusal::UnknownRecord => "the ledger has no such record".into(),
        Refusal::RequestClosed { how } => format!("the request was {how} already"),
        Refusal::RequestSuperseded { by } => format!("the request was replaced by {by}"),
        Refusal::RequestChanged { now } => format!("the request asks for something else: {now}"),
        Refusal::Unavailable { reason, .. } => format!("nothing was changed: {reason}"),
        Refusal::Approval(fault) => fault.sentence(),
        other => format!("{}: missing {}", other.code(), other.missing()),
    }
}

/// Metadata is ASCII; anything else becomes a question mark.
fn ascii(text: &str) -> AsciiMetadataValue {
    let plain: String =
        text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    plain.parse().expect("printable ASCII is a metadata value")
}
