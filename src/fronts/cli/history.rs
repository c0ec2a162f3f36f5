//! `doorward audit why | who-can | diff`: where authority comes from, and how it changed.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};

use super::{
    Session,
    args::When,
    exit::{ExitStatusCode, Trouble},
    json, party, table, words,
};
use crate::{
    config::Overrides,
    domain::{
        registry::{AuthMode, Policy},
        scope::ScopeSet,
    },
    proto::v1::{
        self, Change, DiffRequest, DiffResponse, Giver, Grantor, Holder, LedgerRecord, Moment,
        Party, Rejudged, ReplayRequest, ReplayResponse, Root, WhoCanRequest, WhoCanResponse,
        WhyRequest, WhyResponse, moment::At, rejudged::Verdict,
    },
};

impl From<When> for Moment {
    fn from(when: When) -> Self {
        Self {
            at: Some(match when {
                When::Seq(seq) => At::Seq(seq),
                When::Time(ms) => At::TimeMs(ms),
            }),
        }
    }
}

/// `audit why`. Exits 3 if the answer is no.
///
/// # Errors
/// What the gateway said instead; so for every command.
pub async fn why(
    session: &mut Session<'_>,
    whom: &str,
    scope: String,
    at: Option<When>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.ledger().await?;
    let kind = party::find(&mut admin, whom).await?;
    let party = Some(Party { kind: Some(kind), name: None });
    let told = admin.why(WhyRequest { party, scope, at: at.map(Into::into) }).await?;
    session.out.result(|| why_text(&told), || why_json(&told))?;
    Ok(if told.satisfied { ExitStatusCode::OK } else { ExitStatusCode::REFUSED })
}

/// `audit who-can`
///
/// # Errors
/// As [`why`].
pub async fn who_can(
    session: &mut Session<'_>,
    scope: String,
    at: Option<When>,
) -> Result<ExitStatusCode, Trouble> {
    let request = WhoCanRequest { scope: scope.clone(), at: at.map(Into::into) };
    let told = session.ledger().await?.who_can(request).await?;
    session.out.result(|| who_can_text(&scope, &told), || who_can_json(&scope, &told))?;
    Ok(ExitStatusCode::OK)
}

/// `audit diff`
///
/// # Errors
/// As [`why`].
pub async fn diff(
    session: &mut Session<'_>,
    from: When,
    to: Option<When>,
) -> Result<ExitStatusCode, Trouble> {
    let request = DiffRequest { from: Some(from.into()), to: to.map(Into::into) };
    let told = session.ledger().await?.diff(request).await?;
    session.out.result(|| diff_text(&told), || diff_json(&told))?;
    Ok(ExitStatusCode::OK)
}

/// `audit replay`. Exits 1 if anything would have gone otherwise.
///
/// # Errors
/// As [`why`], or if there is no such configuration.
pub async fn replay(session: &mut Session<'_>, file: PathBuf) -> Result<ExitStatusCode, Trouble> {
    let overrides = Overrides { config: Some(file), ..session.globals.overrides() };
    let policy = (session.rooms.policy)(session.env, &overrides)?;
    let request = ReplayRequest { policy: Some(sent(&policy)) };
    let told = session.ledger().await?.replay(request).await?;
    session.out.result(|| replay_text(&told), || replay_json(&told))?;
    let same = told.decisions.is_empty() && told.differences.is_empty();
    Ok(if same { ExitStatusCode::OK } else { ExitStatusCode::NOT_DONE })
}

fn sent(policy: &Policy) -> v1::Policy {
    let scopes = |set: &ScopeSet| v1::Scopes { names: set.iter().map(|s| s.to_string()).collect() };
    let named = |all: &BTreeMap<String, ScopeSet>| {
        all.iter().map(|(name, set)| (name.clone(), scopes(set))).collect()
    };
    let Policy {
        auth_mode,
        shared_scopes,
        loopback_scopes,
        auto_approve_local,
        auto_approve_cidrs,
        people,
        others,
        ceilings,
    } = policy;
    let auth_mode = match auth_mode {
        AuthMode::Token => v1::AuthMode::Token,
        AuthMode::Password => v1::AuthMode::Password,
        AuthMode::None => v1::AuthMode::None,
        AuthMode::TrustedProxy => v1::AuthMode::TrustedProxy,
    };
    v1::Policy {
        seq: 0,
        auth_mode: auth_mode.into(),
        shared_scopes: Some(scopes(shared_scopes)),
        loopback_scopes: Some(scopes(loopback_scopes)),
        auto_approve_local: *auto_approve_local,
        auto_approve_cidrs: auto_approve_cidrs.iter().map(ToString::to_string).collect(),
        people: named(people),
        others: others.as_ref().map(scopes),
        ceilings: named(ceilings),
    }
}

fn verdict(rejudged: &Rejudged) -> &'static str {
    match Verdict::try_from(rejudged.verdict) {
        Ok(Verdict::Refused) => "refused",
        Ok(Verdict::ByRule) => "approved by rule",
        Ok(Verdict::Moot) => "nothing to do",
        Ok(Verdict::Unspecified) | Err(_) => "unknown",
    }
}

fn replay_text(told: &ReplayResponse) -> String {
    let head =
        format!("Under that policy, up to record {}, {}:\n\n", told.seq, words::time(told.time_ms));
    if told.decisions.is_empty() && told.differences.is_empty() {
        return head + "every decision would have gone as it went\n";
    }
    let rows = told.decisions.iter().map(|one| {
        let record = one.record.clone().unwrap_or_default();
        let event = record.event.unwrap_or_default();
        vec![
            format!("#{}", record.seq),
            words::time(record.time_ms),
            words::plain(&event.kind),
            event.device_id.as_deref().map_or_else(|| "-".into(), |id| words::short(id).into()),
            words::principal(record.principal.as_ref()),
            verdict(one).into(),
            one.missing.as_deref().map_or_else(|| "-".into(), words::line),
        ]
    });
    let columns = ["RECORD", "TIME", "WHAT", "DEVICE", "BY", "WOULD HAVE BEEN", "MISSING"];
    let decisions = table::text(&columns, rows);
    let changes: String = told.differences.iter().map(change_text).collect();
    format!("{head}{decisions}\nFrom what everyone holds to what they would hold:\n\n{changes}")
}

fn replay_json(told: &ReplayResponse) -> Value {
    let decisions = told.decisions.iter().map(|one| {
        json!({
            "record": one.record.as_ref().map(json::record),
            "verdict": verdict(one),
            "code": one.code,
            "missing": one.missing,
        })
    });
    json!({
        "seq": told.seq,
        "timeMs": told.time_ms,
        "decisions": decisions.collect::<Vec<_>>(),
        "differences": told.differences.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn why_text(told: &WhyResponse) -> String {
    let (scope, holder) = (words::plain(&told.scope), told.holder.clone().unwrap_or_default());
    let who = party::words(holder.party.as_ref());
    let mut facts = vec![("holds", words::scopes(holder.scopes.as_ref()))];
    if let Some(ceiling) = &holder.ceiling {
        facts.push(("ceiling", words::plain(ceiling)));
    }
    if let Some(until) = holder.until_ms {
        facts.push(("until", words::time(until)));
    }
    if told.satisfied {
        let root = match Root::try_from(told.root) {
            Ok(Root::Host) => "the gateway host",
            Ok(Root::Configuration) => "the configuration, when the gateway started",
            Ok(Root::Unspecified) | Err(_) => "unknown",
        };
        let chain = records(&told.chain, &told.givers);
        return format!(
            "{who} has {scope}\n\n{}\nIt stands on, newest first:\n\n{chain}\nRoot: {root}\n",
            table::facts(&facts)
        );
    }
    let line = |text: &Option<String>| words::line(text.as_deref().unwrap_or("unknown"));
    facts.push(("why not", line(&told.why)));
    facts.push(("missing", line(&told.missing)));
    let others: String = told.grantors.iter().map(|one| format!(", {}", grantor(one))).collect();
    facts.push(("can be granted by", format!("the gateway host{others}")));
    facts.push(("run", line(&told.remedy)));
    format!("{who} has not {scope}\n\n{}", table::facts(&facts))
}

fn grantor(grantor: &Grantor) -> String {
    let principal = words::principal(grantor.principal.as_ref());
    match &grantor.name {
        Some(name) => format!("{principal} ({})", words::plain(name)),
        None => principal,
    }
}

/// Who made a record, what they are called, and whether they hold what they made it with.
fn by(record: &LedgerRecord, givers: &[Giver]) -> String {
    let giver = givers.iter().find(|giver| giver.seq == record.seq);
    let name = giver.and_then(|giver| giver.name.as_deref());
    let name = name.map(|name| format!(" ({})", words::plain(name))).unwrap_or_default();
    let ended = if giver.is_some_and(|giver| giver.ended) { ", ended since" } else { "" };
    format!("{}{name}{ended}", words::principal(record.principal.as_ref()))
}

/// Records as steps of an argument: what, who, from where, by which record.
fn records(records: &[LedgerRecord], givers: &[Giver]) -> String {
    let rows = records.iter().map(|record| {
        let event = record.event.clone().unwrap_or_default();
        vec![
            format!("#{}", record.seq),
            words::time(record.time_ms),
            words::plain(&event.kind),
            by(record, givers),
            words::via(record.via.as_ref()),
            format!("#{}", record.authority_seq),
        ]
    });
    table::text(&["RECORD", "TIME", "WHAT", "BY", "FROM", "ALLOWED BY"], rows)
}

fn who_can_text(scope: &str, told: &WhoCanResponse) -> String {
    let head = format!(
        "Who has {} after record {}, {}, besides the gateway host:\n\n",
        words::plain(scope),
        told.seq,
        words::time(told.time_ms)
    );
    if told.holders.is_empty() {
        return head + "nobody\n";
    }
    let rows = told.holders.iter().map(|holder| {
        vec![
            party::words(holder.party.as_ref()),
            words::scopes_short(holder.scopes.as_ref()),
            format!("#{}", holder.grant_seq),
            holder.ceiling.as_deref().map_or_else(|| "-".into(), words::plain),
            holder.until_ms.map_or_else(|| "never".into(), words::time),
        ]
    });
    head + &table::text(&["WHO", "HOLDS operator.*", "RECORD", "CEILING", "ENDS"], rows)
}

fn diff_text(told: &DiffResponse) -> String {
    let head = format!(
        "From record {}, {}, to record {}, {}:\n\n",
        told.from_seq,
        words::time(told.from_time_ms),
        told.to_seq,
        words::time(told.to_time_ms)
    );
    if told.changes.is_empty() {
        return head + "nobody gained or lost anything\n";
    }
    let changes: Vec<_> = told.changes.iter().map(change_text).collect();
    head + &changes.join("\n")
}

fn change_text(change: &Change) -> String {
    let names = |scopes: &Option<crate::proto::v1::Scopes>, sign: char| -> Vec<String> {
        let names = scopes.as_ref().map(|scopes| scopes.names.as_slice()).unwrap_or_default();
        names.iter().map(|name| format!("{sign}{}", words::plain(name))).collect()
    };
    let lost_and_gained = [names(&change.lost, '-'), names(&change.gained, '+')].concat();
    let kind = match (&change.before, &change.after) {
        (None, Some(_)) => "came",
        (Some(_), None) => "went",
        _ => "changed",
    };
    let scopes =
        if lost_and_gained.is_empty() { "no scope".into() } else { lost_and_gained.join(" ") };
    if change.causes.is_empty() {
        return format!("{} {kind}: {scopes}\n", party::words(change.party.as_ref()));
    }
    let causes: String =
        records(&change.causes, &[]).lines().map(|line| format!("  {line}\n")).collect();
    format!("{} {kind}: {scopes}\n{causes}", party::words(change.party.as_ref()))
}

fn why_json(told: &WhyResponse) -> Value {
    let root = match Root::try_from(told.root) {
        Ok(Root::Host) => Some("host"),
        Ok(Root::Configuration) => Some("configuration"),
        Ok(Root::Unspecified) | Err(_) => None,
    };
    let grantors: Vec<_> = told
        .grantors
        .iter()
        .map(|one| json!({"principal": json::principal(one.principal.as_ref()), "name": one.name}))
        .collect();
    let giver = |one: &Giver| json!({"seq": one.seq, "name": one.name, "ended": one.ended});
    let givers: Vec<_> = told.givers.iter().map(giver).collect();
    json!({
        "seq": told.seq,
        "timeMs": told.time_ms,
        "holder": told.holder.as_ref().map(holder_json),
        "scope": told.scope,
        "satisfied": told.satisfied,
        "chain": told.chain.iter().map(json::record).collect::<Vec<_>>(),
        "givers": givers,
        "root": root,
        "why": told.why,
        "code": told.code,
        "missing": told.missing,
        "grantors": grantors,
        "remedy": told.remedy,
    })
}

fn holder_json(holder: &Holder) -> Value {
    json!({
        "party": party::json(holder.party.as_ref()),
        "scopes": json::scopes(holder.scopes.as_ref()),
        "grantSeq": holder.grant_seq,
        "untilMs": holder.until_ms,
        "ceiling": holder.ceiling,
    })
}

fn who_can_json(scope: &str, told: &WhoCanResponse) -> Value {
    json!({
        "seq": told.seq,
        "timeMs": told.time_ms,
        "scope": scope,
        "holders": told.holders.iter().map(holder_json).collect::<Vec<_>>(),
    })
}

fn diff_json(told: &DiffResponse) -> Value {
    let changes = told.changes.iter().map(change_json);
    json!({
        "fromSeq": told.from_seq,
        "fromTimeMs": told.from_time_ms,
        "toSeq": told.to_seq,
        "toTimeMs": told.to_time_ms,
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    json!({
        "party": party::json(change.party.as_ref()),
        "before": change.before.as_ref().map(|scopes| &scopes.names),
        "after": change.after.as_ref().map(|scopes| &scopes.names),
        "gained": json::scopes(change.gained.as_ref()),
        "lost": json::scopes(change.lost.as_ref()),
        "causes": change.causes.iter().map(json::record).collect::<Vec<_>>(),
    })
}
