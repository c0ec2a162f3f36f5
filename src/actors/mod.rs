//! Who may wait, and who may talk: one actor per connection, one per aggregate, the hub, the sweeper.
//!
//! ```text
//!   socket ──frames──▶ Conn ──calls──▶ (service) ──Execute──▶ Aggregate ──append──▶ ledger thread
//!     ▲                 ▲                                        │ commits         Sweeper ──Execute──▶ Aggregate
//!     └────replies──────┤                                        ▼
//!                       └──news── Floor (one a thread) ◀──news── Hub
//!                          and, to those whose authority a commit changed: look at it again
//! ```
//!
//! Requests flow down, news flows up, and nobody waits upward. Every mailbox has a bound from
//! [`limits`]; `do_send` ignores it and is banned. Start order: ledger, aggregate, hub, sweeper,
//! then the doors; stop order is the reverse. Wire formats are not known here: a front teaches a
//! connection to speak through [`conn::Dialogue`].

pub mod aggregate;
pub mod conn;
mod dialogue;
pub mod epoch;
pub mod floor;
pub mod hub;
pub mod limits;
pub mod news;
mod pump;
pub mod registry;
pub mod runs;
mod sightings;
pub mod supervise;
pub mod sweeper;
pub mod talk_news;
