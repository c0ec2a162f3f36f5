//! The sweeper: looks once a second for what ran out, and has it ended under its own permit.
//!
//! Requests that nobody repeats, grants and service tokens that reached their end, and devices that
//! were enrolled for as long as they stayed connected; and it warns of what is about to end. What is over is decided again by the
//! registry, so a sweep that comes too early does nothing.

use std::{collections::BTreeMap, time::Duration};

use actix::prelude::*;

use super::{
    hub::HubHandle,
    limits,
    news::{Fact, News},
    registry::RegistryHandle,
    supervise::StopOnPanic,
};
use crate::{
    domain::{
        ids::DeviceId,
        operation::Operation,
        permit,
        principal::{Rule, Standing, Subject},
        refusal::Refusal,
        registry::{Command, PENDING_TTL_MS, Registry, approvals, warning::Warnings},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::clock::{self, SteadyClock, Stopwatch},
};

/// The actor.
pub struct Sweeper {
    registry: RegistryHandle,
    hub: HubHandle,
    clock: SteadyClock,
    /// Since when each ephemeral device is away.
    away: BTreeMap<DeviceId, Stopwatch>,
    warnings: Warnings,
    /// What may end, as of the last look at everything.
    mortal: Mortal,
    /// How long one may be away before it counts as gone.
    grace: Duration,
    _guard: StopOnPanic,
}

/// What may end, gathered again only when something was committed: with many devices a look at all of
/// them every second would keep a core busy for nothing.
#[derive(Default)]
struct Mortal {
    /// The commit that it is of.
    epoch: Option<u64>,
    /// Whose, since when, until when.
    endings: Vec<(Subject, UnixMillis, UnixMillis)>,
    /// Devices that stay for as long as they are connected.
    ephemeral: Vec<DeviceId>,
}

impl Mortal {
    fn follow(&mut self, epoch: u64, state: &Registry) {
        if self.epoch.replace(epoch) != Some(epoch) {
            self.endings = state.endings().collect();
            self.ephemeral = state.ephemeral().collect();
        }
    }
}

impl Sweeper {
    /// A sweeper over this registry, which takes out an ephemeral device once it was away for `grace`.
    pub fn new(
        registry: RegistryHandle,
        hub: HubHandle,
        clock: SteadyClock,
        grace: Duration,
        guard: StopOnPanic,
    ) -> Self {
        let (away, warnings, mortal) = Default::default();
        Self { registry, hub, clock, away, warnings, mortal, grace, _guard: guard }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        // Read before the state is: what is committed in between is looked at the next time.
        let epoch = self.registry.epoch().now();
        let state = self.registry.state();
        self.mortal.follow(epoch, &state);
        self.registry.forget_closed(&state);
        self.warn(&state);
        let endings = over(&state, self.mortal.endings.iter().cloned(), self.clock);
        let mut due: Vec<_> = self.requests(&state).chain(endings).collect();
        due.extend(self.gone());
        due.extend(unanswered(&state, self.clock));
        for (operation, command) in due {
            let registry = self.registry.clone();
            ctx.spawn(async move { end(&registry, operation, command).await }.into_actor(self));
        }
    }

    /// Tells of what is about to end: a line in the log, and news to those who may pair.
    fn warn(&mut self, state: &Registry) {
        let now = UnixMillis(self.clock.unix_millis());
        let endings = self.mortal.endings.iter().cloned();
        for ending in self.warnings.due_among(state, endings, now) {
            let (device, token) = match &ending.subject {
                Subject::Device(device, _) => (Some(device), None),
                Subject::Token(token) => (None, Some(token)),
                Subject::SharedSecret | Subject::Open | Subject::Person(_) => continue,
            };
            tracing::warn!(
                device = device.map(tracing::field::display),
                token = token.map(tracing::field::display),
                name = ending.name,
                until_ms = ending.until.0,
                left_s = ending.until.0.saturating_sub(now.0) / 1000,
                "a grant ends soon",
            );
            self.hub.publish(News::new(Fact::GrantEnding(ending, now)));
        }
    }

    fn requests<'a>(
        &'a self,
        state: &'a Registry,
    ) -> impl Iterator<Item = (Operation, Command)> + 'a {
        let now = UnixMillis(clock::unix_millis());
        state.all_pending().filter_map(move |(request_id, request)| {
            let last_asked = self.registry.last_asked(request_id).unwrap_or(request.asked.at);
            let is_over = now >= last_asked.plus(PENDING_TTL_MS);
            let command = Command::ExpirePairing { request_id, last_asked, now };
            is_over.then_some((Operation::ExpirePairing, command))
        })
    }

    /// Ephemeral devices that have been away for long enough.
    fn gone(&mut self) -> Vec<(Operation, Command)> {
        let ephemeral = self.mortal.ephemeral.iter().copied();
        let ephemeral: Vec<_> =
            ephemeral.filter(|device| !self.hub.is_connected(*device)).collect();
        self.away.retain(|device, _| ephemeral.contains(device));
        let over = ephemeral.into_iter().filter(|device| {
            let since = self.away.entry(*device).or_insert_with(Stopwatch::start);
            since.elapsed() >= self.grace
        });
        over.map(|device| (Operation::EndGrant, Command::EndEnrolment { device })).collect()
    }
}

/// What of these reached its end, so far as it may end.
fn over<'a>(
    state: &'a Registry,
    endings: impl Iterator<Item = (Subject, UnixMillis, UnixMillis)> + 'a,
    clock: SteadyClock,
) -> impl Iterator<Item = (Operation, Command)> + 'a {
    let now = UnixMillis(clock.unix_millis());
    let over = endings.filter(move |(_, _, at)| *at <= now);
    over.filter(|(subject, ..)| !state.is_held_back(subject))
        .map(move |(subject, ..)| (Operation::EndGrant, Command::EndGrant { subject, now }))
}

/// What nobody decided in time.
fn unanswered(
    state: &Registry,
    clock: SteadyClock,
) -> impl Iterator<Item = (Operation, Command)> + '_ {
    let now = UnixMillis(clock.unix_millis());
    let over = state.approvals().pending().filter(move |one| one.request.until <= now);
    over.map(move |one| {
        let command = approvals::Command::Expire { id: one.request.id, now };
        (Operation::EndApproval, Command::Approval(command))
    })
}

/// Ends everything that ran out while no gateway was running. Called before the doors open.
pub async fn catch_up(registry: &RegistryHandle, clock: SteadyClock) {
    let state = registry.state();
    for (operation, command) in over(&state, state.endings(), clock).collect::<Vec<_>>() {
        end(registry, operation, command).await;
    }
}

async fn end(registry: &RegistryHandle, operation: Operation, command: Command) {
    let permit = permit::authorize(&Standing::system(Rule::Expiry), operation);
    let outcome: Result<(), Refusal> = match permit {
        Ok(permit) => registry.execute(permit, command, Via::internal()).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        tracing::warn!(code = refusal.code(), "what ran out could not be ended; trying again");
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(limits::SWEEP_INTERVAL, Self::sweep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_looked_at_when_something_was_committed() {
        let mut mortal = Mortal { ephemeral: vec![DeviceId([1; 32])], ..Mortal::default() };
        let empty = Registry::default();
        mortal.follow(7, &empty);
        assert_eq!(mortal.ephemeral, []);
        mortal.ephemeral.push(DeviceId([2; 32]));
        mortal.follow(7, &empty);
        assert_eq!(mortal.ephemeral.len(), 1, "nothing was committed");
        mortal.follow(8, &empty);
        assert_eq!(mortal.ephemeral, []);
    }
}
