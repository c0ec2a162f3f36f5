//! Pairing: who waits, who is paired, and the answers of those who may decide.

use std::sync::Arc;

use super::Service;
use crate::{
    actors::{hub::HubHandle, registry::RegistryHandle},
    domain::{
        ids::{DeviceId, RequestId, Seq},
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{Approval, Command, Event, PENDING_TTL_MS, Registry, Terms},
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::clock,
};

/// The pairing requests and devices, as they are now.
pub struct Pairings {
    /// The committed state.
    pub state: Arc<Registry>,
    /// The time now.
    pub now: UnixMillis,
    hub: HubHandle,
    registry: RegistryHandle,
}

impl Pairings {
    /// Whether the device is connected.
    pub fn connected(&self, device: DeviceId) -> bool {
        self.hub.is_connected(device)
    }

    /// When the device was last let in, since the gateway started.
    pub fn last_seen(&self, device: DeviceId) -> Option<UnixMillis> {
        self.hub.last_seen(device)
    }

    /// When a request runs out, if its device does not repeat it.
    pub fn expires_at(&self, request: RequestId) -> UnixMillis {
        let asked = self.state.pending(request).map(|request| request.asked.at).unwrap_or_default();
        self.registry.last_asked(request).unwrap_or(asked).max(asked).plus(PENDING_TTL_MS)
    }
}

/// What an approval granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The request.
    pub request_id: RequestId,
    /// The device.
    pub device: DeviceId,
    /// In which role.
    pub role: Role,
    /// Everything that it holds in that role now.
    pub scopes: ScopeSet,
    /// When that ends, if it does.
    pub until: Option<UnixMillis>,
    /// The record of the grant.
    pub seq: Seq,
}

/// What a rejection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The request.
    pub request_id: RequestId,
    /// The device.
    pub device: DeviceId,
    /// The record of it.
    pub seq: Seq,
}

impl Service {
    /// The registry as it is now, for a caller that was just allowed to change it.
    pub fn registry_state(&self) -> Arc<Registry> {
        self.0.registry.state()
    }

    /// Lists what waits and what is paired.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn pairings(&self, who: &Standing) -> Result<Pairings, Refusal> {
        permit::check(who, Operation::ListPairings)?;
        Ok(Pairings {
            state: self.0.registry.state(),
            now: UnixMillis(clock::unix_millis()),
            hub: self.0.hub.clone(),
            registry: self.0.registry.clone(),
        })
    }

    /// A time of day by the clock that grants end by.
    pub(super) fn on_steady_clock(&self, at: UnixMillis) -> UnixMillis {
        UnixMillis(self.0.steady.from_time_of_day(at.0))
    }

    /// Approves a request, on these terms. With `expected`, only if it still asks for exactly that.
    ///
    /// # Errors
    /// If `who` may not, or there is nothing (or something else) to approve.
    pub async fn approve(
        &self,
        who: &Standing,
        via: Via,
        request: RequestId,
        expected: Option<ScopeSet>,
        terms: Terms,
    ) -> Result<Approved, Refusal> {
        let permit = permit::authorize(who, Operation::ApprovePairing)?;
        let now = UnixMillis(self.0.steady.unix_millis());
        let until = terms.until.map(|until| self.on_steady_clock(until));
        let terms = Terms { until, ..terms };
        let command = Command::ApprovePairing { request_id: request, expected, terms, now };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let granted = committed.events.into_iter().find_map(|(stamp, event)| match event {
            Event::PairingApproved(approval) => {
                let Approval { request_id, device, role, scopes, until, .. } = *approval;
                Some(Approved { request_id, device, role, scopes, until, seq: stamp.seq })
            }
            _ => None,
        });
        granted.ok_or(Refusal::UnknownRequest)
    }

    /// Turns a request down; a device may withdraw its own.
    ///
    /// # Errors
    /// If `who` may not, or there is nothing to reject.
    pub async fn reject(
        &self,
        who: &Standing,
        via: Via,
        request: RequestId,
    ) -> Result<Rejected, Refusal> {
        let permit = permit::authorize(who, Operation::RejectPairing)?;
        let command = Command::RejectPairing { request_id: request };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let ended = committed.events.into_iter().find_map(|(stamp, event)| match event {
            Event::PairingRejected { request_id, device, .. } => {
                Some(Rejected { request_id, device, seq: stamp.seq })
            }
            _ => None,
        });
        ended.ok_or(Refusal::UnknownRequest)
    }
}
