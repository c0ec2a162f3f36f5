//! `doorward status`: how the gateway is.

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    json, table, words,
};
use crate::proto::v1::{AuthMode, StatusResponse};

/// Asks over the admin socket.
///
/// # Errors
/// What the gateway said instead.
pub async fn over_admin_socket(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let status = session.admin().await?.status().await?;
    session.out.result(|| text(&status), || json::status(&status))?;
    Ok(ExitStatusCode::OK)
}

fn text(status: &StatusResponse) -> String {
    let secret = match (&status.shared_secret_file, AuthMode::try_from(status.auth_mode)) {
        (Some(file), _) => file.clone(),
        (None, Ok(AuthMode::None)) => "(no secret is asked for)".into(),
        (None, _) => "the configuration".into(),
    };
    let writable = if status.ledger_writable { "" } else { "; it CANNOT BE WRITTEN, see the log" };
    let unverified = match status.unverified_records {
        0 => String::new(),
        more => format!(", {more} of them still being verified"),
    };
    let published = match status.published_size {
        Some(size) => format!("{size} of them, signed"),
        None => "nothing yet".into(),
    };
    let held = match status.held {
        0 => String::new(),
        held => format!("; {held} held for review: doorward review list"),
    };
    table::facts(&[
        ("gateway", format!("running, doorward {}", status.version)),
        ("up for", words::span(status.uptime_ms)),
        ("address", format!("ws://{}", status.address)),
        ("auth", words::auth_mode(status.auth_mode).into()),
        ("secret in", secret),
        ("clients", format!("{} connected", status.connections)),
        ("devices", format!("{} paired, {} waiting{held}", status.devices, status.pending)),
        ("ledger", format!("{} records{unverified}{writable}", status.ledger_size)),
        ("published", published),
        ("sinks", sinks(status)),
        ("state", status.state_dir.clone()),
        ("config", status.config_path.clone()),
    ])
}

/// How the export does.
fn sinks(status: &StatusResponse) -> String {
    match (status.sinks, status.sinks_in_trouble) {
        (0, _) => "none".into(),
        (all, 0) => format!("{all}, none in trouble"),
        (all, some) => format!("{some} of {all} IN TROUBLE, see: doorward audit sinks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn the_status_as_people_see_it() {
        let status = StatusResponse {
            version: "0.1.0".into(),
            started_at_ms: 1_700_000_000_000,
            uptime_ms: 3_720_000,
            state_dir: "/var/lib/doorward".into(),
            config_path: "/var/lib/doorward/doorward.json".into(),
            auth_mode: AuthMode::Token.into(),
            address: "127.0.0.1:18789".into(),
            connections: 2,
            devices: 3,
            pending: 1,
            held: 2,
            ledger_size: 41,
            ledger_writable: true,
            published_size: Some(38),
            unverified_records: 0,
            sinks: 2,
            sinks_in_trouble: 0,
            shared_secret_file: Some("/var/lib/doorward/shared-token".into()),
            grpc_address: None,
        };
        let stuck =
            StatusResponse { ledger_writable: false, published_size: None, ..status.clone() };
        let busy = StatusResponse { unverified_records: 7, sinks_in_trouble: 1, ..status.clone() };
        let texts = [&status, &stuck, &busy].map(text);
        samples::assert_golden("status.txt", &texts.join("---\n"));
    }
}
