//! `doorward audit`: read and check the ledger, with or without a running gateway.

use std::time::Duration;

use super::{
    Session,
    admin::Admin,
    args::{FilterArgs, LogArgs, When},
    devices,
    exit::{ExitStatusCode, Trouble},
    json, party, table, words,
};
use crate::proto::v1::{
    LedgerRecord, Policy, RecordFilter, Scopes, StateAsOfResponse, TailRequest, VerifyResponse,
    state_as_of_request, tail_request::Start,
};

/// How many of the newest records are printed, unless told otherwise: a screen or two.
const NEWEST: u64 = 50;

/// How many are printed before new ones are waited for.
const NEWEST_BEFORE_FOLLOWING: u64 = 10;

/// `audit log`
///
/// # Errors
/// What the gateway said instead; so for every command.
pub async fn log(session: &mut Session<'_>, args: LogArgs) -> Result<ExitStatusCode, Trouble> {
    let LogArgs { from, limit, follow, filter } = args;
    let mut admin = if follow { session.admin().await? } else { session.ledger().await? };
    let filter = wanted(&mut admin, filter).await?;
    let mut records = admin.tail(request(from, limit, follow, filter)).await?;
    head(session)?;
    while let Some(response) = records.next().await? {
        print(session, &response.record.unwrap_or_default(), follow)?;
    }
    Ok(ExitStatusCode::OK)
}

/// `audit watch`: goes on where it stopped when the gateway comes back.
///
/// # Errors
/// As [`log`], but for a gateway that stops or cannot be reached for a while.
pub async fn watch(
    session: &mut Session<'_>,
    from: Option<u64>,
    filter: FilterArgs,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let filter = wanted(&mut admin, filter).await?;
    let mut next = match from {
        Some(seq) => seq,
        None => admin.status().await?.ledger_size,
    };
    head(session)?;
    let mut connected = Some(admin);
    let mut waits = Backoff::default();
    loop {
        let ended = match follow(session, &mut connected, &mut next, filter.clone()).await {
            Ok(()) => None,
            Err(trouble) if trouble.exit == ExitStatusCode::UNREACHABLE => Some(trouble),
            Err(trouble) => return Err(trouble),
        };
        connected = None;
        let wait = waits.next(next);
        tracing::debug!(?ended, ?wait, next, "the gateway went away");
        tokio::time::sleep(wait).await;
    }
}

/// Prints what comes until the stream ends; `next` stays the place to go on at.
async fn follow(
    session: &mut Session<'_>,
    connected: &mut Option<Admin>,
    next: &mut u64,
    filter: Option<RecordFilter>,
) -> Result<(), Trouble> {
    let mut admin = match connected.take() {
        Some(admin) => admin,
        None => session.admin().await?,
    };
    let mut records = admin.tail(request(Some(*next), None, true, filter)).await?;
    while let Some(response) = records.next().await? {
        let record = response.record.unwrap_or_default();
        *next = record.seq + 1;
        print(session, &record, true)?;
    }
    Ok(())
}

/// How long to wait for a gateway that went away: longer each time, until there is something new.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
    seen: u64,
}

impl Backoff {
    pub(super) fn next(&mut self, seen: u64) -> Duration {
        self.tries = if seen == self.seen { self.tries.saturating_add(1).min(6) } else { 0 };
        self.seen = seen;
        Duration::from_millis(50 << self.tries)
    }
}

fn head(session: &mut Session<'_>) -> Result<(), Trouble> {
    if session.out.is_json() { Ok(()) } else { session.out.raw(HEAD) }
}

fn print(session: &mut Session<'_>, record: &LedgerRecord, at_once: bool) -> Result<(), Trouble> {
    session.out.result(|| line(record), || json::record(record))?;
    if at_once { session.out.flush() } else { Ok(()) }
}

/// The filter in the contract's words; names become ids.
async fn wanted(admin: &mut Admin, filter: FilterArgs) -> Result<Option<RecordFilter>, Trouble> {
    let FilterArgs { by, about, kind, scope, address, since, until } = filter;
    let by = match by {
        Some(who) if who == "host" || who.starts_with("rule:") => Some(who),
        Some(who) => Some(party::reference(&party::find(admin, &who).await?)),
        None => None,
    };
    let about = match about {
        Some(who) => Some(party::reference(&party::find(admin, &who).await?)),
        None => None,
    };
    let (since_ms, until_ms) = (since.map(|at| at.0), until.map(|at| at.0));
    let filter = RecordFilter { kinds: kind, by, about, scope, address, since_ms, until_ms };
    Ok((filter != RecordFilter::default()).then_some(filter))
}

/// `audit as-of`
///
/// # Errors
/// As [`log`].
pub async fn as_of(session: &mut Session<'_>, at: When) -> Result<ExitStatusCode, Trouble> {
    let moment = match at {
        When::Seq(seq) => state_as_of_request::Moment::Seq(seq),
        When::Time(ms) => state_as_of_request::Moment::TimeMs(ms),
    };
    let state = session.ledger().await?.as_of(Some(moment)).await?;
    session.out.result(|| state_text(&state), || json::as_of(&state))?;
    Ok(ExitStatusCode::OK)
}

/// What to ask for.
pub(super) fn request(
    from: Option<u64>,
    limit: Option<u64>,
    follow: bool,
    filter: Option<RecordFilter>,
) -> TailRequest {
    match from {
        Some(seq) => TailRequest { start: Some(Start::FromSeq(seq)), limit, follow, filter },
        // Without a place to begin, the limit is how far to go back; following goes on after it.
        None => {
            let usual = if follow { NEWEST_BEFORE_FOLLOWING } else { NEWEST };
            let newest = limit.unwrap_or(usual);
            TailRequest { start: Some(Start::Newest(newest)), limit: None, follow, filter }
        }
    }
}

pub(super) const HEAD: &str = "   SEQ  TIME                  EVENT               SUBJECT                BY\
                    \u{20}                    GRANT  VIA                          CHANGE\n";

/// One record on one line. The columns do not adapt, because records come one by one.
pub(super) fn line(record: &LedgerRecord) -> String {
    let event = record.event.clone().unwrap_or_default();
    let subject = event.device_id.as_deref().map_or_else(String::new, |device| {
        let role = event.role.map(words::role).unwrap_or_default();
        format!("{} {role}", words::short(device))
    });
    let line = format!(
        "{seq:>6}  {time}  {kind:<18}  {subject:<21}  {by:<21}  {grant:<5}  {via:<27}  {change}",
        seq = record.seq,
        time = words::time(record.time_ms),
        kind = words::plain(&event.kind),
        subject = subject.trim_end(),
        by = words::principal(record.principal.as_ref()),
        grant = format!("#{}", record.authority_seq),
        via = words::via(record.via.as_ref()),
        change = change(record.before.as_ref(), record.after.as_ref()),
    );
    line.trim_end().to_owned()
}

/// What was gained and lost.
fn change(before: Option<&Scopes>, after: Option<&Scopes>) -> String {
    let names = |scopes: Option<&Scopes>| scopes.map(|s| s.names.clone()).unwrap_or_default();
    let (before, after) = (names(before), names(after));
    let lost = before.iter().filter(|name| !after.contains(name)).map(|name| format!("-{name}"));
    let gained = after.iter().filter(|name| !before.contains(name)).map(|name| format!("+{name}"));
    lost.chain(gained).collect::<Vec<_>>().join(" ")
}

pub(super) fn verdict_text(verdict: &VerifyResponse) -> String {
    if let Some(broken) = &verdict.broken {
        return format!(
            "BROKEN at record {seq}: {what}\nRecords before {seq} are as they were written; nothing \
             from there on can be trusted.\nKeep a copy of the state directory as it is, then \
             restore a backup; or see what the published copy holds: doorward recover --from-tiles\n",
            seq = broken.first_bad_seq,
            what = broken.what,
        );
    }
    let root = words::hex(&verdict.root_hash);
    let checkpoint = match &verdict.checkpoint {
        Some(note) => format!("\nNewest signed checkpoint:\n{note}"),
        None => "\nNo checkpoint is signed yet.\n".into(),
    };
    let all = verdict.size;
    format!(
        "ok: {all} records, none changed, removed or reordered\nroot hash: {root}\n{checkpoint}"
    )
}

fn state_text(state: &StateAsOfResponse) -> String {
    let policy = state.policy.as_ref().map_or_else(|| "(none yet)".into(), policy_text);
    let head = format!("After record {}, {}\n\n", state.seq, words::time(state.time_ms));
    let facts =
        table::facts(&[("gateway key", words::hex(&state.gateway_key)), ("policy", policy)]);
    let lists = devices::list_text(&state.pending, &state.devices, state.time_ms, "");
    format!("{head}{facts}\n{lists}")
}

fn policy_text(policy: &Policy) -> String {
    format!(
        "auth {}, shared secret holds: {}; on this machine: {}; local devices approved by rule: {} \
         (record {})",
        words::auth_mode(policy.auth_mode),
        words::scopes(policy.shared_scopes.as_ref()),
        words::scopes(policy.loopback_scopes.as_ref()),
        if policy.auto_approve_local { "yes" } else { "no" },
        policy.seq,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fronts::cli::samples, proto::v1::BrokenAt};

    #[test]
    fn the_log_as_people_see_it() {
        let lines: Vec<_> = samples::records().iter().map(|record| line(record) + "\n").collect();
        samples::assert_golden("audit-log.txt", &(HEAD.to_owned() + &lines.concat()));
    }

    #[test]
    fn a_record_as_programs_see_it() {
        let lines: Vec<_> =
            samples::records().iter().map(|record| format!("{}\n", json::record(record))).collect();
        samples::assert_golden("audit-log.jsonl", &lines.concat());
    }

    #[test]
    fn a_past_state_as_people_see_it() {
        samples::assert_golden("audit-as-of.txt", &state_text(&samples::state()));
    }

    #[test]
    fn verdicts_as_people_see_them() {
        let sound = VerifyResponse {
            size: 42,
            root_hash: vec![0xab; 32],
            broken: None,
            checkpoint: Some("doorward/x\n42\nq6s=\n".into()),
            consistency: vec![],
        };
        let broken = BrokenAt { first_bad_seq: 7, what: "its link does not fit".into() };
        let bad = VerifyResponse { broken: Some(broken), ..sound.clone() };
        let text = verdict_text(&sound) + "---\n" + &verdict_text(&bad);
        samples::assert_golden("audit-verify.txt", &text);
    }

    #[test]
    fn where_to_begin_row_by_row() {
        use Start::{FromSeq, Newest};
        for (from, limit, follow, start, left) in [
            (None, None, false, Newest(50), None),
            (None, None, true, Newest(10), None),
            (None, Some(3), false, Newest(3), None),
            (None, Some(3), true, Newest(3), None),
            (Some(0), None, false, FromSeq(0), None),
            (Some(7), Some(2), true, FromSeq(7), Some(2)),
        ] {
            let asked = request(from, limit, follow, None);
            assert_eq!((asked.start, asked.limit), (Some(start), left), "{from:?} {limit:?}");
            assert_eq!(asked.follow, follow);
        }
    }
}
