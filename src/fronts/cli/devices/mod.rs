//! `doorward devices`: see and decide who may connect, and what becomes of those who may.
//!
//! This file lists and decides requests; [`manage`] changes what paired devices hold, and [`named`]
//! finds what someone means by a few characters or a name. Who may do what is the gateway's word;
//! nothing is refused here that it would allow.

pub(super) mod manage;
pub(super) mod named;

use std::time::Duration;

use serde_json::json;

use super::{
    Session,
    admin::Admin,
    exit::{ExitStatusCode, Trouble},
    json, table, words,
};
use crate::proto::v1::{
    ApprovePairingRequest, ApprovePairingResponse, Device, Grant, ListDevicesResponse,
    PendingRequest, Scopes,
};

/// `devices list`
///
/// # Errors
/// What the gateway said instead; so for every command.
pub async fn list(
    session: &mut Session<'_>,
    stale: Option<Duration>,
) -> Result<ExitStatusCode, Trouble> {
    let mut listed = session.admin().await?.devices().await?;
    if let Some(stale) = stale {
        let now = listed.now_ms;
        listed.devices.retain(|device| is_stale(device, stale, now));
        listed.pending.clear();
    }
    let approve = session.command("devices approve <REQUEST>");
    let text = || list_text(&listed.pending, &listed.devices, listed.now_ms, &approve);
    session.out.result(text, || json::pairings(&listed.pending, &listed.devices))?;
    Ok(ExitStatusCode::OK)
}

fn is_stale(device: &Device, stale: Duration, now_ms: u64) -> bool {
    let quiet = now_ms.saturating_sub(device.last_seen_ms.unwrap_or_default());
    !device.connected && Duration::from_millis(quiet) >= stale
}

/// How an approval is limited.
pub struct Terms {
    /// What the approver saw.
    pub scopes: Option<Vec<String>>,
    /// How long the grant is to last.
    pub until: Option<Duration>,
    /// The ceiling on it.
    pub role: Option<String>,
    /// Whether the device vanishes once it has disconnected.
    pub ephemeral: bool,
}

/// `devices approve`
///
/// # Errors
/// As [`list`].
pub async fn approve(
    session: &mut Session<'_>,
    request: Option<&str>,
    terms: Terms,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let Some(request) = request else { return preview(session, &mut admin).await };
    let Terms { scopes, until, role, ephemeral } = terms;
    let request_id = named::request(session, &mut admin, request).await?;
    let expected_scopes = scopes.map(|names| Scopes { names });
    let approved = admin
        .approve(ApprovePairingRequest {
            request_id,
            expected_scopes,
            until_ms: until.map(words::from_now),
            ceiling: role,
            ephemeral,
            idempotency_key: None,
        })
        .await?;
    session.out.done("approved", || approved_text(&approved), || approved_json(&approved))?;
    Ok(ExitStatusCode::OK)
}

/// `devices reject`
///
/// # Errors
/// As [`list`].
pub async fn reject(session: &mut Session<'_>, request: &str) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let request_id = named::request(session, &mut admin, request).await?;
    let rejected = admin.reject(request_id).await?;
    session.out.done(
        "rejected",
        || format!("{} of device {}", rejected.request_id, rejected.device_id),
        || {
            json!({
                "rejected": true, "requestId": rejected.request_id,
                "deviceId": rejected.device_id, "seq": rejected.seq,
            })
        },
    )?;
    Ok(ExitStatusCode::OK)
}

/// Shows what would be approved. Whoever approves should have seen what; so this exits 1.
async fn preview(session: &mut Session<'_>, admin: &mut Admin) -> Result<ExitStatusCode, Trouble> {
    let listed = admin.pending().await?;
    let Some(newest) = listed.pending.first() else {
        let none = Trouble::new(ExitStatusCode::NOT_DONE, "no request waits for approval");
        return Err(none.run(session.command("devices list")));
    };
    let run = session.command(&format!("devices approve {}", newest.request_id));
    let list = session.command("devices list");
    session.out.result(
        || preview_text(newest, &listed, &run, &list),
        || json!({"preview": json::pending(newest), "approved": false, "run": run}),
    )?;
    Ok(ExitStatusCode::NOT_DONE)
}

/// What waits and what is paired, as of `now_ms`. Also serves `audit as-of`.
pub(super) fn list_text(
    pending: &[PendingRequest],
    devices: &[Device],
    now_ms: u64,
    approve: &str,
) -> String {
    let mut text = match pending {
        [] => "No request waits for approval.\n".to_owned(),
        some => format!("Waiting for approval ({}):\n{}", some.len(), waiting(some, now_ms)),
    };
    if !pending.is_empty() && !approve.is_empty() {
        text += &format!("Approve with: {approve}\n");
    }
    text.push('\n');
    text + &match devices {
        [] => "No device is paired.\n".to_owned(),
        some => format!("Paired ({}):\n{}", some.len(), paired(some, now_ms)),
    }
}

fn waiting(pending: &[PendingRequest], now_ms: u64) -> String {
    const HEAD: [&str; 9] = [
        "REQUEST",
        "DEVICE",
        "NAME",
        "ROLE",
        "ASKS FOR operator.*",
        "HAS operator.*",
        "WHY",
        "FROM",
        "ASKED",
    ];
    table::text(
        &HEAD,
        pending.iter().map(|request| {
            vec![
                request.request_id.clone(),
                words::short(&request.device_id).into(),
                named::claimed_name(request.profile.as_ref()),
                words::role(request.role).into(),
                words::scopes_short(request.requested.as_ref()),
                words::scopes_short(request.current.as_ref()),
                words::reason(request.reason).into(),
                request.address.as_deref().map_or_else(|| "-".into(), words::plain),
                words::ago(request.requested_at_ms, now_ms),
            ]
        }),
    )
}

fn paired(devices: &[Device], now_ms: u64) -> String {
    const HEAD: [&str; 8] =
        ["DEVICE", "NAME", "ROLE", "HOLDS operator.*", "BY", "GRANTED", "ENDS", "SEEN"];
    let row = |device: &Device, grant: Option<&Grant>| {
        let held = |say: fn(&Grant) -> String| grant.map_or_else(|| "-".into(), say);
        vec![
            words::short(&device.device_id).into(),
            named::device_name(device),
            held(|grant| words::role(grant.role).into()),
            held(holds),
            held(|grant| format!("{} #{}", words::approved_by(grant.approved_by), grant.seq)),
            grant.map_or_else(|| "-".into(), |grant| words::ago(grant.granted_at_ms, now_ms)),
            grant.map_or_else(|| "-".into(), |grant| ends(grant, now_ms)),
            seen(device, now_ms),
        ]
    };
    let rows = devices.iter().flat_map(|device| match device.grants.as_slice() {
        [] => vec![row(device, None)],
        grants => grants.iter().map(|grant| row(device, Some(grant))).collect(),
    });
    table::text(&HEAD, rows)
}

/// What is in force, and the ceiling on it.
fn holds(grant: &Grant) -> String {
    let scopes = words::scopes_short(grant.scopes.as_ref());
    match &grant.ceiling {
        _ if grant.review_seq.is_some() => format!("nothing, held for review: {scopes}"),
        Some(ceiling) => format!("{scopes} under {}", words::plain(ceiling)),
        None => scopes,
    }
}

/// When a grant ends. One that is about to is marked: at a tenth of its time, and on its last day.
fn ends(grant: &Grant, now_ms: u64) -> String {
    let Some(at) = grant.until_ms else {
        return if grant.ephemeral { "with its connection".into() } else { "-".into() };
    };
    let left = at.saturating_sub(now_ms);
    let soon = words::ends_soon(grant.granted_at_ms, at, now_ms);
    format!("{}in {}", if soon { "! " } else { "" }, words::span(left))
}

fn seen(device: &Device, now_ms: u64) -> String {
    match (device.connected, device.last_seen_ms) {
        (true, _) => "connected".into(),
        (false, Some(at)) => words::ago(at, now_ms),
        (false, None) => "-".into(),
    }
}

fn preview_text(
    request: &PendingRequest,
    listed: &ListDevicesResponse,
    run: &str,
    list: &str,
) -> String {
    let profile = request.profile.clone().unwrap_or_default();
    let now = listed.now_ms;
    let expires = request.expires_at_ms.map_or(0, |at| at.saturating_sub(now));
    let client = [&profile.client_id, &profile.client_mode, &profile.version, &profile.platform];
    let client: Vec<_> = client.into_iter().map(|text| words::plain(text)).collect();
    let facts = table::facts(&[
        ("request", request.request_id.clone()),
        ("name", named::claimed_name(request.profile.as_ref())),
        ("client", client.join(", ")),
        ("fingerprint", words::grouped(&request.device_id)),
        ("role", words::role(request.role).into()),
        ("asks for", words::scopes(request.requested.as_ref())),
        ("has now", words::scopes(request.current.as_ref())),
        ("why", words::reason(request.reason).into()),
        ("from", request.address.as_deref().map_or_else(|| "unknown".into(), words::plain)),
        ("asked", words::ago(request.requested_at_ms, now)),
        ("expires", format!("in {}, unless it asks again", words::span(expires))),
    ]);
    let others = match listed.pending.len() {
        1 => String::new(),
        all => format!("\n{} more: {list}\n", all - 1),
    };
    format!(
        "Nothing is approved yet. The newest request:\n\n{facts}{others}\nTo approve it:\n  {run}\n"
    )
}

fn approved_text(approved: &ApprovePairingResponse) -> String {
    let scopes = words::scopes(approved.scopes.as_ref());
    let ApprovePairingResponse { device_id, role, seq, .. } = approved;
    let role = words::role(*role);
    let until = approved.until_ms.map(|at| format!(", until {}", words::time(at)));
    let until = until.unwrap_or_default();
    format!("device {device_id} as {role}, which now holds: {scopes}{until} (record {seq})")
}

fn approved_json(approved: &ApprovePairingResponse) -> serde_json::Value {
    json!({
        "approved": true,
        "requestId": approved.request_id,
        "deviceId": approved.device_id,
        "role": words::role(approved.role),
        "scopes": approved.scopes.as_ref().map(|scopes| &scopes.names),
        "seq": approved.seq,
        "untilMs": approved.until_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn the_list_as_people_see_it() {
        let listed = samples::listed();
        let approve = "doorward devices approve <REQUEST>";
        let text = list_text(&listed.pending, &listed.devices, listed.now_ms, approve);
        samples::assert_golden("devices-list.txt", &text);
    }

    #[test]
    fn an_empty_list_says_so() {
        let text = list_text(&[], &[], 0, "x");
        assert_eq!(text, "No request waits for approval.\n\nNo device is paired.\n");
    }

    #[test]
    fn the_preview_as_people_see_it() {
        let listed = samples::listed();
        let run = format!("doorward devices approve {}", listed.pending[0].request_id);
        let text = preview_text(&listed.pending[0], &listed, &run, "doorward devices list");
        samples::assert_golden("devices-preview.txt", &text);
    }
}
