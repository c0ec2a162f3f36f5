//! What may come in over a WebSocket, in one place. The protocol's own numbers, where it has some.

use std::{num::NonZeroU32, time::Duration};

use crate::service::limits as house;

/// Before a client has said who it is. docs/PROTOCOL.md (d1): 65,536 bytes are parsed, one more closes.
pub const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Afterwards; announced as `policy.maxPayload`. docs/PROTOCOL.md (d2): 25 MiB.
pub const MESSAGE_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Announced as `policy.maxBufferedBytes`: a client that lets more pile up is closed.
pub const BUFFERED_BYTES_MAX: usize = house::CONN_OUTBOUND_BYTES_MAX;

/// A receive buffer above this is given back once it is empty, so that one large message does not
/// stay allocated for the life of the connection.
pub const BUFFER_KEPT_BYTES_MAX: usize = 16 * 1024;

/// The protocol version that is spoken.
pub const PROTOCOL: u64 = 4;

/// The oldest version that nodes and probes may offer.
pub const PROTOCOL_PROBE_MIN: u64 = 3;

/// `traceparent` of a request. docs/PROTOCOL.md: 128 characters.
pub const TRACEPARENT_CHARS_MAX: usize = 128;

/// Any one text that a client says about itself (name, platform, version), in characters; longer
/// ones are refused, since they go into a record of at most 64 KiB.
pub const PROFILE_CHARS_MAX: usize = 256;

/// A name that is echoed in an error, in characters: a client that sends megabytes of it and does
/// not read the answer must not make us hold them.
pub const ECHO_CHARS_MAX: usize = 128;

/// Calls of one method without a right to it that are answered at once with what is missing. The
/// real gateway's ten, after which it closes.
pub const REFUSALS_MAX: NonZeroU32 = const { NonZeroU32::new(10).unwrap() };

/// How often one more is answered so: a client may look once a second whether it has the right now.
pub const REFUSAL_INTERVAL: Duration = Duration::from_secs(1);

/// Calls beyond that which are told to wait; the next one closes. As many as may be on their way
/// while a client that pipelines reads the first advice.
pub const PATIENCE_MAX: NonZeroU32 = const { NonZeroU32::new(10).unwrap() };

/// How long it takes until one more is: whoever waits as told comes too early this seldom.
pub const PATIENCE_INTERVAL: Duration = Duration::from_secs(6);

/// A request id, in bytes; it is echoed, and it goes into the record of what it changed.
pub const REQUEST_ID_BYTES_MAX: usize = 256;

/// A name that people give to a device or a token, in characters. docs/PROTOCOL.md: 64.
pub const LABEL_CHARS_MAX: usize = 64;

/// Scopes in a request for more, and in its answer. The schema's eight.
pub const UPGRADE_SCOPES_MAX: usize = 8;

/// A session key, in characters. docs/PROTOCOL.md: `ChatSendParams.sessionKey`.
pub const SESSION_KEY_CHARS_MAX: usize = 512;

/// A session's label, in characters. The schema's 512.
pub const SESSION_LABEL_CHARS_MAX: usize = 512;

/// Attachments of one message. The real gateway's limit for pictures of one turn.
pub const ATTACHMENTS_MAX: usize = 8;

/// Messages of one page of a history. The schema's thousand.
pub const HISTORY_ENTRIES_MAX: usize = 1000;

/// Messages of a page if the client does not say.
pub const HISTORY_ENTRIES_DEFAULT: usize = 200;

/// The most bytes of messages on one page: a page is one frame.
pub const HISTORY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The most characters of one message that is asked for alone. The schema's two million.
pub const MESSAGE_CHARS_MAX: usize = 2_000_000;

/// Sessions that one connection may follow one by one; one that wants more follows all.
pub const SUBSCRIPTIONS_MAX: usize = 256;

/// Sessions in one list if the client does not say, and the most.
pub const SESSIONS_LISTED_MAX: usize = 10_000;

/// Found places in one answer. The schema's 25.
pub const SEARCH_HITS_MAX: usize = 25;

/// How long a client may wait for a run with one call, if it does not say. The real gateway's 30 s.
pub const RUN_WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// The longest that it may wait.
pub const RUN_WAIT_MAX: Duration = Duration::from_secs(3600);

/// Approvals that one page of their history may have. The published schema's bound.
pub const APPROVALS_PAGE_MAX: usize = 100;
