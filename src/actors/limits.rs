//! Every queue, cap and deadline of the actors, each with its reason. Units end the names.

use std::time::Duration;

/// Commands that may wait for a decision. At 48,000 durable decisions a second this is under 0.1 s
/// of work; more would only turn an overload into timeouts.
pub const AGGREGATE_WAITING_MAX: usize = 4096;

/// Commands decided into one batch, with one sync. The store's rate no longer grows past 256
/// records a batch; twice that keeps latency low at full rate.
pub const AGGREGATE_BATCH_MAX: usize = 512;

/// The mailbox of an aggregate: arrivals between two turns of its arbiter.
pub const AGGREGATE_MAILBOX: usize = 4096;

/// The hub's mailbox: what clients that may be seen do, and what the aggregate publishes, which is
/// two batches at the most between two turns.
pub const HUB_MAILBOX: usize = 8192;

/// The mailbox of a worker thread's floor: as many pieces of news as a connection may fall behind.
pub const FLOOR_MAILBOX: usize = CONN_MAILBOX;

/// News that may wait in a connection's mailbox: two full batches of decisions, since one batch is
/// told in one burst, each with its call to look again. A connection that is further behind is a
/// slow consumer and is dropped: everything in the news can be asked for again.
pub const CONN_MAILBOX: usize = 2 * (AGGREGATE_BATCH_MAX + 1);

/// Frames that may wait to be written to one socket. Enough for a client that pipelines; a fuller
/// queue stops the reading of that socket.
pub const CONN_OUTBOUND_FRAMES_MAX: usize = 128;

/// Bytes that may wait to be written to one socket; announced as `policy.maxBufferedBytes`.
pub const CONN_OUTBOUND_BYTES_MAX: usize = 50 * 1024 * 1024;

/// How long one frame may take to be accepted by the socket before its reader counts as gone.
pub const CONN_WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Requests of one connection that may wait for the ledger at once; one more is answered
/// `UNAVAILABLE`, retryable.
pub const CONN_IN_FLIGHT_MAX: usize = 64;

/// How long a session whose grant has ended waits for the answers that are on their way, its own
/// revocation's among them. They were decided before it, so they are there at once; a ledger that is
/// slow must not keep the socket open. Half of the 100 ms within which a change has to reach a session.
pub const ENDED_ANSWERS_DEADLINE: Duration = Duration::from_millis(50);

/// How long the pump of such a session may go on writing what was queued before: a reader that takes
/// a little at a time must not stay for a whole queue. N10 A10.1: closed within 1 s.
pub const ENDED_PUMP_DEADLINE: Duration = Duration::from_millis(800);

/// How long a new socket may take to say who it is. docs/PROTOCOL.md (d1): 15 s.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(15);

/// Connections of one worker thread that have not yet said who they are. At about 20 KB each, two
/// workers hold some 40 MB of silence; past it, the oldest makes room (N20 A20.1).
pub const SILENT_PER_WORKER_MAX: usize = 1024;

/// The heartbeat that clients are promised in `policy.tickIntervalMs`.
pub const TICK_INTERVAL: Duration = Duration::from_secs(30);

/// Health is told to everyone this often. docs/PROTOCOL.md (e): every 60 s.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(60);

/// Joins and leaves within this time make one presence update, so that a burst of clients costs
/// one list and not one list each.
pub const PRESENCE_SETTLE: Duration = Duration::from_millis(50);

/// The most entries in the presence list; the newest are kept.
pub const PRESENCE_ENTRIES_MAX: usize = 200;

/// How often requests that nobody repeats are looked for.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How often a request that a connected client waits for is kept alive.
pub const UPGRADE_WAIT_ROUND: Duration = Duration::from_secs(60);

/// How long a device that was enrolled for one connection may be away before it counts as gone: the
/// longest pause of the official client between two attempts, and some.
pub const EPHEMERAL_GRACE: Duration = Duration::from_secs(60);

/// How long to tell a caller to wait after a batch failed.
pub const RETRY_AFTER_MS: u64 = 250;

/// How long a drain may take before the gateway stops anyway.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(4);

/// Runs that may work or wait at once. Each holds at most an answer, most far less; past this, an
/// overload is told instead of served slowly.
pub const RUNS_MAX: usize = 4096;

/// Runs that may wait for another one of their session. A person does not type more.
pub const RUNS_WAITING_PER_SESSION_MAX: usize = 16;

/// Runs that ended and can still be asked for, for a client that comes back.
pub const RUNS_REMEMBERED_MAX: usize = 256;

/// The most bytes of one answer, what was thought on the way included. A long answer has some
/// 100 KB; this bounds what a model that never stops can take.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often connected clients are told what a run has said since. A reader sees no difference to
/// every token, and telling costs one frame to each client.
pub const RUN_TELL_INTERVAL: Duration = Duration::from_millis(40);
