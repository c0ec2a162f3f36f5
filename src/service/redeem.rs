//! A setup code at the door: whoever made it approved the first device that comes with it.
//!
//! A node that comes with a code for more than a node is given its operator's token as well, in the
//! same answer. docs/PROTOCOL.md (b).

use super::{
    Service,
    connect::{Connect, Entered, RoleToken},
    enter::{ask, mint, via},
    proof::Proven,
};
use crate::{
    actors::aggregate::Committed,
    domain::{
        ids::{DeviceId, TokenHash},
        operation::Operation,
        permit,
        principal::Subject,
        refusal::{PairingReason, Refusal},
        registry::{Basis, Command, Event, Registry, Renewal, admit::Credential},
        scope::Role,
    },
    ledger::record::Via,
};

impl Service {
    /// Redeems a setup code.
    pub(super) async fn redeem(
        &self,
        connect: Connect,
        proven: Proven,
        code: TokenHash,
    ) -> Result<Entered, Refusal> {
        let (credential, role, via) = (Credential::Redeemed, connect.role, via(&connect));
        let ask = ask(&connect, &proven, &credential, PairingReason::NotPaired);
        let basis = Basis::SetupCode(code);
        let (secret, committed) = self.approve_by_rule(ask, basis, via.clone()).await;
        let committed = committed?;
        let state = &committed.state;
        let mut entered = self.look_again(state, connect, &proven, credential, secret).await?;
        for other in given_besides(&committed, role) {
            entered.others.extend(self.hand_out(proven.id, other, via.clone()).await?);
        }
        Ok(entered)
    }

    /// A device's token in a role in which it has none yet.
    async fn hand_out(
        &self,
        device: DeviceId,
        role: Role,
        via: Via,
    ) -> Result<Option<RoleToken>, Refusal> {
        let (secret, token) = mint();
        let state = self.0.registry.peek();
        let standing = state.standing_of(&Subject::Device(device, role), via.locality)?;
        let permit = permit::authorize(&standing, Operation::IssueToken)?;
        let command = Command::IssueToken { role, token, renewal: Renewal::No };
        let state = self.0.registry.execute(permit, command, via).await?.state;
        let Some(grant) = state.grant(device, role) else { return Ok(None) };
        let issued = grant.token.filter(|issued| issued.hash == token);
        let scopes = state.in_force(grant);
        Ok(issued.map(|issued| RoleToken { role, secret, scopes, issued_at: issued.issued_at }))
    }
}

/// The roles that an approval gave besides the one that was asked for.
fn given_besides(committed: &Committed<Registry>, asked: Role) -> impl Iterator<Item = Role> {
    committed.events.iter().filter_map(move |(_, event)| match event {
        Event::PairingApproved(approval) => Some(approval.role).filter(|role| *role != asked),
        _ => None,
    })
}
