//! A connected device asks for more, and waits for the answer.

use std::sync::Arc;

use super::Service;
use crate::{
    domain::{
        ids::{RequestId, TokenHash},
        operation::Operation,
        permit,
        principal::{Principal, Standing},
        refusal::{PairingReason, Refusal},
        registry::{Ask, Command, Renewal, state::Closure},
        scope::{Role, ScopeSet},
    },
    ledger::record::Via,
    support::{
        entropy,
        secret::{Secret, digest},
    },
};

/// The id of a request that nobody has to decide, because the device holds all of it already.
const NOTHING_WAITS: RequestId = RequestId([0; 16]);

/// What became of a request for more.
#[derive(Debug)]
pub enum Upgrade {
    /// It was approved: the device's new token, and everything that it holds now. The old token is
    /// good until the new one was used.
    Approved(Secret<String>, ScopeSet),
    /// It was turned down, or withdrawn.
    Rejected,
    /// It ran out, or was replaced by another one.
    Expired,
}

impl Service {
    /// Asks for more scopes for the device of this session. An identical request keeps its id.
    ///
    /// # Errors
    /// If `who` is not a paired device in the operator role.
    pub async fn request_upgrade(
        &self,
        who: &Standing,
        via: Via,
        scopes: ScopeSet,
    ) -> Result<RequestId, Refusal> {
        let permit = permit::authorize(who, Operation::RequestPairing)?;
        let Principal::Device(device, Role::Operator) = who.principal else {
            return Err(Refusal::DeviceIdentityRequired);
        };
        let state = self.0.registry.peek();
        let known = state.device(device).ok_or(Refusal::UnknownDevice)?;
        let ask = Ask {
            request_id: RequestId(entropy::uuid().into_bytes()),
            device,
            public_key: known.public_key,
            role: Role::Operator,
            scopes,
            reason: PairingReason::ScopeUpgrade,
            profile: known.profile.clone(),
            address: via.address.as_deref().and_then(|address| address.parse().ok()),
            secret: None,
            locality: via.locality,
        };
        drop(state);
        let committed =
            self.0.registry.execute(permit, Command::RequestPairing(Box::new(ask)), via).await?;
        let id = committed.state.request_of(device, Role::Operator).map(|(id, _)| id);
        if let Some(id) = id {
            self.0.registry.repeated(id);
        }
        Ok(id.unwrap_or(NOTHING_WAITS))
    }

    /// Waits until a request of this session's device is decided, and hands out the device's new
    /// token if it was approved.
    ///
    /// # Errors
    /// If `who` is not the device that asked, or its grant ends meanwhile.
    pub async fn wait_upgrade(
        &self,
        who: &Standing,
        via: Via,
        request: RequestId,
    ) -> Result<Upgrade, Refusal> {
        let Principal::Device(device, role) = who.principal else {
            return Err(Refusal::DeviceIdentityRequired);
        };
        let epoch = Arc::clone(self.0.registry.epoch());
        loop {
            // The ledger's size grows a moment before the state is published that belongs to it.
            let seen = epoch.now();
            let state = self.0.registry.state();
            match (state.pending(request), state.closure(request)) {
                (Some(pending), _) if pending.device != device => return Err(Refusal::NotYours),
                (Some(_), _) => {}
                (None, Some(Closure::Rejected)) => return Ok(Upgrade::Rejected),
                (None, Some(Closure::Expired | Closure::Superseded(_))) => {
                    return Ok(Upgrade::Expired);
                }
                (None, Some(Closure::Approved)) => break,
                (None, None) if request == NOTHING_WAITS => break,
                (None, None) => return Err(Refusal::UnknownRequest),
            }
            // A waiting client has not gone away: its request does not run out under it.
            self.0.registry.repeated(request);
            let commit = epoch.later_than(seen);
            let _ = tokio::time::timeout(super::limits::UPGRADE_WAIT_ROUND, commit).await;
        }
        let permit = permit::authorize(who, Operation::IssueToken)?;
        let secret = entropy::token();
        let token = TokenHash(digest(secret.expose().as_bytes()));
        let command = Command::IssueToken { role, token, renewal: Renewal::Upgraded };
        let state = self.0.registry.execute(permit, command, via).await?.state;
        let grant = state.grant(device, role).ok_or(Refusal::GrantEnded)?;
        Ok(Upgrade::Approved(secret, state.in_force(grant)))
    }
}
