//! `doorward audit access`: who came in, who was turned away, and who called what they may not.

use serde_json::{Value, json};

use super::{
    Session,
    args::{DoorWord, SinceTime},
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::proto::v1::{Access, AccessKind, ListAccessRequest, ListAccessResponse};

/// `audit access`
///
/// # Errors
/// What the gateway said instead.
pub async fn list(
    session: &mut Session<'_>,
    kind: Option<DoorWord>,
    since: Option<SinceTime>,
    limit: u32,
) -> Result<ExitStatusCode, Trouble> {
    let kind = match kind {
        None => AccessKind::Unspecified,
        Some(DoorWord::Entered) => AccessKind::Entered,
        Some(DoorWord::Refused) => AccessKind::Refused,
        Some(DoorWord::Denied) => AccessKind::Denied,
    };
    let since_ms = since.map(|since| since.0);
    let kind = kind.into();
    let request = ListAccessRequest { kind, since_ms, limit: Some(limit), ..Default::default() };
    let told = session.ledger().await?.access(request).await?;
    session.out.result(|| text(&told), || document(&told))?;
    Ok(ExitStatusCode::OK)
}

fn kind(access: &Access) -> &'static str {
    match AccessKind::try_from(access.kind) {
        Ok(AccessKind::Entered) => "entered",
        Ok(AccessKind::Refused) => "refused",
        Ok(AccessKind::Denied) => "denied",
        Ok(AccessKind::Unspecified) | Err(_) => "unknown",
    }
}

fn text(told: &ListAccessResponse) -> String {
    if told.rows.is_empty() {
        return "Nobody came.\n".into();
    }
    let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "-".into(), words::line);
    let rows = told.rows.iter().map(|row| {
        vec![
            words::time(row.last_ms),
            row.count.to_string(),
            kind(row).into(),
            shown(&row.code),
            who(row),
            shown(&row.what),
            words::plain(&row.door),
            shown(&row.address),
        ]
    });
    let head = ["LAST", "TIMES", "WHAT", "CODE", "WHO", "CALL", "BY", "FROM"];
    let left_out = told.total.saturating_sub(told.rows.len() as u64);
    let more = match left_out {
        0 => String::new(),
        left_out => format!("{left_out} older rows are left out; see --limit\n"),
    };
    table::text(&head, rows) + &more
}

/// Ids are cut short, as everywhere.
fn who(row: &Access) -> String {
    let Some(who) = &row.who else { return "-".into() };
    match who.split_once(':') {
        Some((kind @ ("device" | "token"), id)) => format!("{kind} {}", words::short(id)),
        _ => words::plain(who),
    }
}

fn document(told: &ListAccessResponse) -> Value {
    let rows = told.rows.iter().map(|row| {
        json!({
            "kind": kind(row),
            "count": row.count,
            "firstMs": row.first_ms,
            "lastMs": row.last_ms,
            "code": row.code,
            "door": row.door,
            "who": row.who,
            "call": row.what,
            "address": row.address,
        })
    });
    json!({"rows": rows.collect::<Vec<_>>(), "total": told.total})
}
