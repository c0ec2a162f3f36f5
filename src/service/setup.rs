//! Setup codes: made here, redeemed at the door.

use super::Service;
use crate::{
    domain::{
        ids::{CodeId, DeviceId, Seq, TokenHash},
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{Access, Command, setup_code::CODE_TTL_MS},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::{
        entropy,
        secret::{Secret, digest},
    },
};

/// A setup code with its secret, which is shown this once.
#[derive(Debug)]
pub struct NewCode {
    /// Its id.
    pub id: CodeId,
    /// The secret, which a client presents as its bootstrap token.
    pub secret: Secret<String>,
    /// What for.
    pub access: Access,
    /// When it ends.
    pub until: UnixMillis,
    /// The record of it.
    pub seq: Seq,
}

/// What became of a setup code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupStatus {
    /// What for.
    pub access: Access,
    /// When it ends.
    pub until: UnixMillis,
    /// Who redeemed it, by which name, and when.
    pub redeemed: Option<(DeviceId, Option<String>, UnixMillis)>,
}

impl Service {
    /// Makes a setup code, good for ten minutes and one device.
    ///
    /// # Errors
    /// If `who` may not.
    pub async fn create_code(
        &self,
        who: &Standing,
        via: Via,
        access: Access,
    ) -> Result<NewCode, Refusal> {
        let permit = permit::authorize(who, Operation::CreateCode)?;
        let secret = entropy::token();
        let code = TokenHash(digest(secret.expose().as_bytes()));
        let id = CodeId(entropy::uuid().into_bytes());
        let until = UnixMillis(self.0.steady.unix_millis()).plus(CODE_TTL_MS);
        let command = Command::CreateCode { id, code, access, until };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let (stamp, _) = committed.events.first().ok_or(Refusal::UnknownCode)?;
        Ok(NewCode { id, secret, access, until, seq: stamp.seq })
    }

    /// What became of a setup code.
    ///
    /// # Errors
    /// If `who` may not know, or there is no such code.
    pub fn setup_status(&self, who: &Standing, id: CodeId) -> Result<SetupStatus, Refusal> {
        permit::check(who, Operation::ReadCode)?;
        let state = self.0.registry.peek();
        let code = state.setup_code(id).ok_or(Refusal::UnknownCode)?;
        let redeemed = code.redeemed.map(|(device, stamp)| {
            let name = state.device(device).and_then(|known| known.profile.display_name.clone());
            (device, name, stamp.at)
        });
        Ok(SetupStatus { access: code.access, until: code.until, redeemed })
    }
}
