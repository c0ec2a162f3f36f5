//! PURE. Who may do what: commands go through `decide` and become events, events go through `apply`
//! and become state.
//!
//! Nothing here reads a clock, a file, a socket or a random number, and nothing here awaits. Time,
//! ids and token hashes arrive inside the command; the service minted them. `decide` may refuse;
//! `apply` may not: an event that cannot be applied means a corrupt ledger. Replaying the ledger
//! calls the same `apply` as live work, so what was granted is what is enforced.
//!
//! Start with [`scope`] (what a permission is) and [`principal`] (who asks and how they proved it),
//! then [`permit`], the only place where a permission is made, then [`registry`].

pub mod ids;
pub mod lineage;
pub mod operation;
pub mod origin;
pub mod permit;
pub mod principal;
pub mod published;
pub mod refusal;
pub mod registry;
pub mod scope;
pub mod talk;
pub mod time;

use ids::Seq;
use permit::Permit;
use refusal::Refusal;
use scope::ScopeSet;
use time::Stamp;

/// The shape of every part of the domain that owns durable state.
///
/// A decider is cheap to clone (its maps are persistent), because the actor that owns it works on
/// one copy while the last committed one stays readable.
pub trait Decider: Clone + Default + Send + Sync + Unpin + 'static {
    /// What it can be asked to do. Carries its own time, ids and hashes.
    type Command: Send + Unpin + 'static;
    /// What can happen to it. Written to the ledger, never changed afterwards.
    type Event: Clone + Into<Event> + Send + Sync + Unpin + 'static;

    /// Decides on current truth (gate 2). An empty list means: allowed, and nothing to change.
    ///
    /// # Errors
    /// The refusal, from the closed vocabulary.
    fn decide(&self, permit: &Permit, command: Self::Command) -> Result<Vec<Self::Event>, Refusal>;

    /// Moves the state. The same function serves live work and replay.
    fn apply(&mut self, stamp: Stamp, event: &Self::Event);

    /// The record on whose authority the holder of `permit` acts right now.
    ///
    /// # Errors
    /// If that grant has ended since the permit was made.
    fn authority(&self, permit: &Permit) -> Result<Seq, Refusal>;

    /// The scopes that the subject of `event` holds. Asked before and after `apply`, it gives the
    /// two sides of the change for the record.
    fn holdings(&self, event: &Self::Event) -> ScopeSet;
}

/// Any event of any decider: what one ledger record can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something happened to the registry of devices and grants.
    Registry(registry::Event),
}

impl From<registry::Event> for Event {
    fn from(event: registry::Event) -> Self {
        Self::Registry(event)
    }
}
