//! Every limit of the runtimes, each with its reason.

use std::time::Duration;

/// How long a connection to a provider may take to stand. One on the same network needs
/// milliseconds; one across the world, a second.
pub const CONNECT: Duration = Duration::from_secs(10);

/// How long a model may think before the first piece of its answer, and between two pieces, if the
/// provider's own `timeoutSeconds` does not say. A large model on a processor reads a long history
/// for minutes before its first word.
pub const SILENCE: Duration = Duration::from_secs(300);

/// How long the end of a stream may take after the model said that it is done: only the count of
/// tokens is still to come, and an answer that is complete is not worth a failure.
pub const FAREWELL: Duration = Duration::from_secs(5);

/// How long the words of a refusal may take, after its status.
pub const REFUSAL: Duration = Duration::from_secs(5);

/// The most bytes of a refusal that are read.
pub const REFUSAL_BYTES: usize = 16 << 10;

/// The most characters of somebody else's words that are passed on.
pub const SAID_CHARS: usize = 300;

/// The most bytes of one event of a stream. Tokens are small; a tool call that comes whole may be
/// a file.
pub const EVENT_BYTES: usize = 1 << 20;

/// The most bytes of an answer, everything together. No model of today writes as much in one turn.
pub const ANSWER_BYTES: usize = 4 << 20;

/// The most tool calls of one answer.
pub const TOOL_CALLS: usize = 128;

/// The most bytes of vectors, as they come: some eight hundred of 3,072 numbers each.
pub const EMBEDDING_BYTES: usize = 32 << 20;

/// How long a server may take to list its models. One on this host has the list at hand.
pub const LISTING: Duration = Duration::from_secs(1);

/// The most bytes of such a list.
pub const LISTING_BYTES: usize = 1 << 20;

/// The most models of such a list that are passed on.
pub const LISTING_MODELS: usize = 1_000;

/// The longest name of a model in it, in bytes. A longer one is passed over.
pub const MODEL_NAME_BYTES: usize = 200;

/// How often one model is asked for the same turn.
pub const TRIES: u32 = 3;

/// How long to wait before the second try, at most; each further one doubles it.
pub const BACKOFF: Duration = Duration::from_millis(500);

/// The longest of those waits.
pub const BACKOFF_MOST: Duration = Duration::from_secs(8);

/// The longest `Retry-After` that is honoured by waiting. Behind a longer one, the next model is
/// asked, or the caller is told.
pub const RETRY_AFTER_MOST: Duration = Duration::from_secs(20);

/// The most tokens of an answer where a provider must be told and nobody said.
pub const TOKENS: u64 = 8_192;

/// The most bytes of a program's last words that are passed on.
pub const STDERR_BYTES: usize = 2 << 10;

/// How long a program may take to end after it closed its output.
pub const EXIT: Duration = Duration::from_secs(5);

/// How long an agent of the Agent Client Protocol may take until it has a session. One that is
/// fetched first, as `npx` does, takes a minute.
pub const ACP_START: Duration = Duration::from_secs(120);

/// How long such an agent may take to end a turn that was cancelled. After that it is ended itself.
pub const ACP_CANCEL: Duration = Duration::from_secs(3);

/// How many such agents wait for the next turn of their sessions; each is a process of some hundred
/// megabytes. The one that has waited longest goes.
pub const ACP_WAITING: usize = 8;
