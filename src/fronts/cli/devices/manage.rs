//! What becomes of paired devices: removed, renamed, rotated, revoked, cleared, put under a role.

use serde_json::json;

use super::named;
use crate::{
    fronts::cli::{
        Session,
        args::{Force, InRole, RoleWord},
        exit::{ExitStatusCode, Trouble},
        words,
    },
    proto::v1::{
        AssignCeilingRequest, DeviceInRole, RemoveDeviceRequest, RenameDeviceRequest,
        RevokeTokenRequest, Role, RotateTokenRequest, Scopes, assign_ceiling_request::Subject,
    },
};

impl RoleWord {
    /// In the contract's word.
    pub(in crate::fronts::cli) fn role(self) -> Role {
        match self {
            Self::Operator => Role::Operator,
            Self::Node => Role::Node,
        }
    }
}

/// `devices remove`
///
/// # Errors
/// What the gateway said instead; so for every command.
pub async fn remove(
    session: &mut Session<'_>,
    device: &str,
    force: Force,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let device_id = named::device(&mut admin, device).await?;
    let request = RemoveDeviceRequest { device_id, force_reason: force.reason };
    let removed = admin.remove_device(request).await?;
    session.out.done(
        "removed",
        || {
            format!(
                "device {}; its sessions have ended (record {})",
                removed.device_id, removed.seq
            )
        },
        || json!({"removed": true, "deviceId": removed.device_id, "seq": removed.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `devices rename`
///
/// # Errors
/// As [`remove`].
pub async fn rename(
    session: &mut Session<'_>,
    device: &str,
    label: String,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let device_id = named::device(&mut admin, device).await?;
    let renamed = admin.rename_device(RenameDeviceRequest { device_id, label }).await?;
    session.out.done(
        "renamed",
        || format!("device {} to {}", words::short(&renamed.device_id), renamed.label),
        || json!({"renamed": true, "deviceId": renamed.device_id, "label": renamed.label, "seq": renamed.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `devices rotate`
///
/// # Errors
/// As [`remove`].
pub async fn rotate(
    session: &mut Session<'_>,
    whose: InRole,
    scopes: Option<Vec<String>>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let device_id = named::device(&mut admin, &whose.device).await?;
    let role = whose.role.role().into();
    let scopes = scopes.map(|names| Scopes { names });
    let rotated = admin.rotate_token(RotateTokenRequest { device_id, role, scopes }).await?;
    session.out.done(
        "rotated",
        || {
            let (device, role) = (words::short(&rotated.device_id), words::role(rotated.role));
            let scopes = words::scopes(rotated.scopes.as_ref());
            format!(
                "the token of {device} as {role}, which holds: {scopes} (record {})\n\
                 It fetches the new token when it connects next; the old one ends with that.",
                rotated.seq
            )
        },
        || {
            json!({
                "rotated": true,
                "deviceId": rotated.device_id,
                "role": words::role(rotated.role),
                "scopes": rotated.scopes.as_ref().map(|scopes| &scopes.names),
                "rotatedAtMs": rotated.rotated_at_ms,
                "seq": rotated.seq,
            })
        },
    )?;
    Ok(ExitStatusCode::OK)
}

/// `devices revoke`
///
/// # Errors
/// As [`remove`].
pub async fn revoke(
    session: &mut Session<'_>,
    whose: InRole,
    force: Force,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let device_id = named::device(&mut admin, &whose.device).await?;
    let role = whose.role.role().into();
    let request = RevokeTokenRequest { device_id, role, force_reason: force.reason };
    let revoked = admin.revoke_token(request).await?;
    let role = words::role(revoked.role);
    session.out.done(
        "revoked",
        || match revoked.seq {
            Some(seq) => format!("device {} as {role} (record {seq})", revoked.device_id),
            None => format!("device {} as {role} already", revoked.device_id),
        },
        || json!({"revoked": true, "deviceId": revoked.device_id, "role": role, "seq": revoked.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `devices clear`. Whatever cannot be taken away stays, and is counted; then this exits 1.
///
/// # Errors
/// As [`remove`].
pub async fn clear(
    session: &mut Session<'_>,
    only_pending: bool,
    force: Force,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let listed = admin.devices().await?;
    let (mut rejected, mut removed, mut kept) = (0, 0, Vec::new());
    for request in listed.pending {
        match admin.reject(request.request_id).await {
            Ok(_) => rejected += 1,
            Err(trouble) => kept.push(trouble),
        }
    }
    for device in listed.devices.into_iter().filter(|_| !only_pending) {
        let force_reason = force.reason.clone();
        let request = RemoveDeviceRequest { device_id: device.device_id, force_reason };
        match admin.remove_device(request).await {
            Ok(_) => removed += 1,
            Err(trouble) => kept.push(trouble),
        }
    }
    session.out.done(
        "cleared",
        || format!("{rejected} requests and {removed} devices"),
        || json!({"rejected": rejected, "removed": removed, "kept": kept.len()}),
    )?;
    match kept.into_iter().next() {
        Some(trouble) => Err(Trouble { exit: ExitStatusCode::NOT_DONE, ..trouble }),
        None => Ok(ExitStatusCode::OK),
    }
}

/// `devices role`
///
/// # Errors
/// As [`remove`].
pub async fn ceiling(
    session: &mut Session<'_>,
    whose: InRole,
    ceiling: Option<String>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let device_id = named::device(&mut admin, &whose.device).await?;
    let role = whose.role.role().into();
    let shown = format!("device {} as {}", words::short(&device_id), words::role(role));
    let subject = Subject::Device(DeviceInRole { device_id, role });
    assign(session, subject, &shown, ceiling).await
}

/// Puts a ceiling on something, or takes it off, and says so.
///
/// # Errors
/// As [`remove`].
pub async fn assign(
    session: &mut Session<'_>,
    subject: Subject,
    shown: &str,
    ceiling: Option<String>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let request = AssignCeilingRequest {
        subject: Some(subject),
        ceiling: ceiling.clone().unwrap_or_default(),
    };
    let seq = admin.assign_ceiling(request).await?.seq;
    let word = if ceiling.is_some() { "limited" } else { "freed" };
    session.out.done(
        word,
        || {
            let by = ceiling.as_ref().map(|name| format!(" to role {name}")).unwrap_or_default();
            let record = seq.map_or_else(|| " already".into(), |seq| format!(" (record {seq})"));
            format!("{shown}{by}{record}")
        },
        || json!({"ceiling": ceiling, "seq": seq}),
    )?;
    Ok(ExitStatusCode::OK)
}
