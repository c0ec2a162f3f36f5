//! `doorward sessions`: what was said, to be read, carried away, begun anew and deleted.

use std::{cmp::Reverse, fs::File, io::Write as _, path::PathBuf};

use serde_json::{Value, json};

use super::{
    Session,
    args::{SessionArgs, SessionsCommand},
    exit::{ExitStatusCode, Trouble},
    quoted, table, words,
};
use crate::{
    proto::v1::{
        self, GetSessionResponse, ListSessionsRequest, RunState, SaidMessage, SessionName,
    },
    support::{clock, new_file::NewFile},
};

/// `sessions list | show | export | reset | delete`
///
/// # Errors
/// What the gateway said instead; so for every command here.
pub async fn about(
    session: &mut Session<'_>,
    command: SessionsCommand,
) -> Result<ExitStatusCode, Trouble> {
    use SessionsCommand as C;
    match command {
        C::List { active, agent, archived, limit } => {
            let since = active.map(|minutes| minutes.saturating_mul(60_000));
            let request = ListSessionsRequest {
                agent_id: agent.unwrap_or_default(),
                active_since_ms: since.map(|ms| clock::unix_millis().saturating_sub(ms)),
                archived,
                ..ListSessionsRequest::default()
            };
            list(session, request, limit).await
        }
        C::Show { session: which, limit } => {
            let told = session.admin().await?.session(name(which), limit).await?;
            session.out.result(|| show_text(&told), || show_json(&told))?;
            Ok(ExitStatusCode::OK)
        }
        C::Export { session: which, to } => export(session, name(which), to).await,
        C::Reset { session: which } => {
            let reset = session.admin().await?.reset_session(name(which)).await?;
            let text = || format!("{}; what was said is kept\n", words::plain(&reset.key));
            session.out.done("begun anew:", text, || row_json(&reset))?;
            Ok(ExitStatusCode::OK)
        }
        C::Delete { keys, agent, dry_run: _, yes } => delete(session, keys, agent, yes).await,
    }
}

fn name(SessionArgs { key, agent }: SessionArgs) -> SessionName {
    SessionName { key, agent_id: agent.unwrap_or_default() }
}

async fn list(
    session: &mut Session<'_>,
    request: ListSessionsRequest,
    limit: usize,
) -> Result<ExitStatusCode, Trouble> {
    let mut listed = session.admin().await?.sessions(request).await?;
    let total = listed.sessions.len();
    listed.sessions.sort_by_key(|one| Reverse(one.updated_at_ms));
    listed.sessions.truncate(limit);
    let (rows, now) = (&listed.sessions, listed.now_ms);
    session.out.result(|| list_text(rows, total, now), || list_json(rows, total, now))?;
    Ok(ExitStatusCode::OK)
}

async fn export(
    session: &mut Session<'_>,
    which: SessionName,
    to: Option<PathBuf>,
) -> Result<ExitStatusCode, Trouble> {
    let mut lines = session.admin().await?.export_session(which).await?;
    let Some(path) = to else {
        while let Some(piece) = lines.next().await? {
            session.out.bytes(&piece)?;
        }
        return Ok(ExitStatusCode::OK);
    };
    let unwritten = |error: std::io::Error| {
        let what = format!("{}: {error}; there is no export", path.display());
        Trouble::new(ExitStatusCode::NOT_DONE, what)
    };
    let mut new = NewFile::create(&path).map_err(unwritten)?;
    let (mut messages, mut bytes) = (0, 0);
    while let Some(piece) = lines.next().await? {
        let file: &mut File = new.file();
        file.write_all(&piece).map_err(unwritten)?;
        messages += piece.iter().filter(|byte| **byte == b'\n').count();
        bytes += piece.len();
    }
    new.finish().map_err(unwritten)?;
    let shown = path.display().to_string();
    let document = || json!({"file": shown, "messages": messages, "bytes": bytes});
    session.out.done("exported:", || format!("{shown}, {messages} messages\n"), document)?;
    Ok(ExitStatusCode::OK)
}

/// All are looked at before the first is deleted, and each goes only as it was seen.
async fn delete(
    session: &mut Session<'_>,
    keys: Vec<String>,
    agent: Option<String>,
    yes: bool,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let agent_id = agent.unwrap_or_default();
    let mut seen = Vec::new();
    for key in keys {
        let name = SessionName { key, agent_id: agent_id.clone() };
        seen.push(admin.session(name, 0).await?.session.unwrap_or_default());
    }
    let now = clock::unix_millis();
    if !yes {
        let keys: Vec<_> = seen.iter().map(|one| quoted(&one.key)).collect();
        let again = session.command(&format!("sessions delete {} --yes", keys.join(" ")));
        let text = || {
            let rows = rows_text(&seen, now);
            format!("{rows}\nNothing was deleted. There is no way back; to do it: {again}\n")
        };
        let rows = || seen.iter().map(row_json).collect::<Vec<_>>();
        session.out.result(text, || json!({"preview": rows()}))?;
        return Ok(ExitStatusCode::NOT_DONE);
    }
    let mut gone = Vec::new();
    for one in seen {
        let name = SessionName { key: one.key, agent_id: String::new() };
        gone.push(admin.delete_session(name, one.session_id).await?);
    }
    let rows = || gone.iter().map(row_json).collect::<Vec<_>>();
    let text = || format!("\n{}", rows_text(&gone, now));
    session.out.done("deleted:", text, || json!({"deleted": rows()}))?;
    Ok(ExitStatusCode::OK)
}

fn list_text(sessions: &[v1::Session], total: usize, now: u64) -> String {
    if total == 0 {
        return "Nothing was said yet.\n".into();
    }
    let rows = rows_text(sessions, now);
    match total - sessions.len() {
        0 => rows,
        more => format!("{rows}{more} older ones are not shown: --limit all\n"),
    }
}

fn rows_text(sessions: &[v1::Session], now: u64) -> String {
    let rows = sessions.iter().map(|session| {
        let marks = [
            (!session.open_runs.is_empty(), "working"),
            (session.pinned_at_ms.is_some(), "pinned"),
            (session.archived_at_ms.is_some(), "archived"),
        ];
        let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let called = session.label.as_ref().or(session.title.as_ref());
        vec![
            words::plain(&session.key),
            words::ago(session.updated_at_ms, now),
            session.messages.to_string(),
            (session.input_tokens + session.output_tokens).to_string(),
            marks.join(" "),
            words::plain(called.map(String::as_str).unwrap_or_default()),
        ]
    });
    table::text(&["SESSION", "CHANGED", "MESSAGES", "TOKENS", "STATE", "ABOUT"], rows)
}

fn list_json(sessions: &[v1::Session], total: usize, now: u64) -> Value {
    let rows: Vec<_> = sessions.iter().map(row_json).collect();
    json!({"count": rows.len(), "totalCount": total, "nowMs": now, "sessions": rows})
}

fn run_state(state: i32) -> &'static str {
    match RunState::try_from(state) {
        Ok(RunState::Running) => "running",
        Ok(RunState::Done) => "done",
        Ok(RunState::Aborted) => "aborted",
        Ok(RunState::Failed) => "failed",
        Ok(RunState::Unspecified) | Err(_) => "unknown",
    }
}

fn row_json(session: &v1::Session) -> Value {
    let last_run = session.last_run.as_ref().map(|run| {
        json!({
            "runId": run.run_id,
            "state": run_state(run.state),
            "startedAtMs": run.started_at_ms,
            "endedAtMs": run.ended_at_ms,
            "model": run.model,
            "code": run.failure_code,
            "error": run.failure,
        })
    });
    json!({
        "key": session.key,
        "sessionId": session.session_id,
        "agentId": session.agent_id,
        "label": session.label,
        "title": session.title,
        "preview": session.preview,
        "model": session.model,
        "messages": session.messages,
        "previous": session.previous,
        "createdAtMs": session.created_at_ms,
        "updatedAtMs": session.updated_at_ms,
        "archivedAtMs": session.archived_at_ms,
        "pinnedAtMs": session.pinned_at_ms,
        "inputTokens": session.input_tokens,
        "outputTokens": session.output_tokens,
        "openRuns": session.open_runs,
        "lastRun": last_run,
    })
}

fn show_text(told: &GetSessionResponse) -> String {
    let session = told.session.clone().unwrap_or_default();
    let or_none = |text: &Option<String>| text.as_deref().map_or("-".into(), words::line);
    let last_run = session.last_run.as_ref().map_or_else(
        || "-".into(),
        |run| match &run.failure {
            Some(failure) => format!("{}: {}", run_state(run.state), words::line(failure)),
            None => run_state(run.state).to_owned(),
        },
    );
    let facts = table::facts(&[
        ("session", words::line(&session.key)),
        ("transcript", session.session_id.clone()),
        ("label", or_none(&session.label)),
        ("model", or_none(&session.model)),
        ("begun", words::time(session.created_at_ms)),
        ("changed", words::time(session.updated_at_ms)),
        ("messages", format!("{}, and {} transcripts before", session.messages, session.previous)),
        ("tokens", format!("{} in, {} out", session.input_tokens, session.output_tokens)),
        ("last run", last_run),
    ]);
    let said: String = told.messages.iter().map(message_text).collect();
    if said.is_empty() { facts } else { format!("{facts}\n{said}") }
}

fn message_text(message: &SaidMessage) -> String {
    let SaidMessage { seq, at_ms, role, text, truncated: _, by, failure } = message;
    let by = by.as_deref().map(|by| format!(" ({})", words::plain(by))).unwrap_or_default();
    let failure = failure.as_deref().map(|why| format!(" [failed: {}]", words::line(why)));
    let failure = failure.unwrap_or_default();
    let head = format!("#{seq} {} {}{by}{failure}", words::time(*at_ms), words::plain(role));
    format!("{head}\n  {}\n", words::line(text))
}

fn show_json(told: &GetSessionResponse) -> Value {
    let messages = told.messages.iter().map(|message| {
        json!({
            "seq": message.seq,
            "atMs": message.at_ms,
            "role": message.role,
            "text": message.text,
            "truncated": message.truncated,
            "by": message.by,
            "error": message.failure,
        })
    });
    let messages: Vec<_> = messages.collect();
    json!({"session": told.session.as_ref().map(row_json), "messages": messages})
}
