//! What becomes of a paired device: renamed, rotated, revoked, removed, put under a role.

use super::Service;
use crate::{
    domain::{
        ids::{DeviceId, Seq, TokenHash},
        operation::Operation,
        permit,
        principal::{Standing, Subject},
        refusal::Refusal,
        registry::{Command, Event},
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::record::Via,
    support::{
        entropy,
        secret::{Secret, digest},
    },
};

/// How old the note of a device's last visit may get before the next visit is noted: a day. That is
/// precise enough to see who is stale, and bounds what visits add to the ledger.
pub const STALE_SEEN_MS: u64 = 24 * 60 * 60 * 1000;

/// A rotated token.
#[derive(Debug)]
pub struct Rotated {
    /// Whose.
    pub device: DeviceId,
    /// In which role.
    pub role: Role,
    /// What is in force now.
    pub scopes: ScopeSet,
    /// When.
    pub at: UnixMillis,
    /// The record of it.
    pub seq: Seq,
    /// The new token, if the device itself asked.
    pub token: Option<Secret<String>>,
}

impl Service {
    /// Replaces a device's token; see the domain's rule for what is minted and who gets it.
    ///
    /// # Errors
    /// If `who` may not, or there is no such grant.
    pub async fn rotate_token(
        &self,
        who: &Standing,
        via: Via,
        device: DeviceId,
        role: Role,
        scopes: Option<ScopeSet>,
    ) -> Result<Rotated, Refusal> {
        let permit = permit::authorize(who, Operation::RotateToken)?;
        let secret = entropy::token();
        let token = TokenHash(digest(secret.expose().as_bytes()));
        let command = Command::RotateToken { device, role, scopes, token };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let rotated = committed.events.into_iter().find_map(|(stamp, event)| match event {
            Event::TokenRotated { device, role, scopes, token } => {
                let token = token.map(|_| secret.clone());
                Some(Rotated { device, role, scopes, at: stamp.at, seq: stamp.seq, token })
            }
            _ => None,
        });
        rotated.ok_or(Refusal::UnknownDevice)
    }

    /// Ends a device's grant in one role. `None` if it had none any more.
    ///
    /// # Errors
    /// If `who` may not, there is no such device, or it is the last with `operator.admin`.
    pub async fn revoke_token(
        &self,
        who: &Standing,
        via: Via,
        device: DeviceId,
        role: Role,
        force: Option<String>,
    ) -> Result<Option<Seq>, Refusal> {
        let permit = permit::authorize(who, Operation::RevokeToken)?;
        let command = Command::RevokeToken { device, role, force };
        let committed = self.0.registry.execute(permit, command, via).await?;
        Ok(committed.events.last().map(|(stamp, _)| stamp.seq))
    }

    /// Takes a device out, with everything that it holds and asks for.
    ///
    /// # Errors
    /// If `who` may not, there is no such device, or it is the last with `operator.admin`.
    pub async fn remove_device(
        &self,
        who: &Standing,
        via: Via,
        device: DeviceId,
        force: Option<String>,
    ) -> Result<Option<Seq>, Refusal> {
        let permit = permit::authorize(who, Operation::RemoveDevice)?;
        let command = Command::RemoveDevice { device, force };
        let committed = self.0.registry.execute(permit, command, via).await?;
        Ok(committed.events.last().map(|(stamp, _)| stamp.seq))
    }

    /// Gives a device a name. `None` if it has that name already.
    ///
    /// # Errors
    /// If `who` may not, or there is no such device.
    pub async fn rename_device(
        &self,
        who: &Standing,
        via: Via,
        device: DeviceId,
        label: String,
    ) -> Result<Option<Seq>, Refusal> {
        let permit = permit::authorize(who, Operation::RenameDevice)?;
        let command = Command::RenameDevice { device, label };
        let committed = self.0.registry.execute(permit, command, via).await?;
        Ok(committed.events.first().map(|(stamp, _)| stamp.seq))
    }

    /// Puts a role's ceiling on what a device or service token holds, or takes it off.
    ///
    /// # Errors
    /// If `who` may not, or there is no such subject or role.
    pub async fn assign_ceiling(
        &self,
        who: &Standing,
        via: Via,
        subject: Subject,
        ceiling: Option<String>,
    ) -> Result<Option<Seq>, Refusal> {
        let permit = permit::authorize(who, Operation::AssignRole)?;
        let command = Command::AssignCeiling { subject, ceiling };
        let committed = self.0.registry.execute(permit, command, via).await?;
        Ok(committed.events.first().map(|(stamp, _)| stamp.seq))
    }
}
