//! `doorward approvals`: what waits for a person, and the person's answer.

use serde_json::{Value, json};

use super::{
    Session,
    args::ApprovalsCommand,
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::proto::v1::{Approval, ApprovalEnd, DecideApprovalRequest};

/// The longest detail that is shown, in lines: enough to see what it is about to do.
const DETAIL_LINES_MAX: usize = 200;

/// Runs one of the commands.
///
/// # Errors
/// What the gateway said instead.
pub async fn run(
    session: &mut Session<'_>,
    command: ApprovalsCommand,
) -> Result<ExitStatusCode, Trouble> {
    match command {
        ApprovalsCommand::List => list(session).await,
        ApprovalsCommand::Show { id } => show(session, &id).await,
        ApprovalsCommand::Approve { id, always } => {
            let decision = if always { "allow-always" } else { "allow-once" };
            decide(session, &id, decision).await
        }
        ApprovalsCommand::Deny { id } => decide(session, &id, "deny").await,
        ApprovalsCommand::History => history(session).await,
    }
}

async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.approvals().await?;
    let show = session.command("approvals show <id>");
    let approve = session.command("approvals approve <id>");
    let (all, now) = (&listed.approvals, listed.now_ms);
    session.out.result(
        || match all.as_slice() {
            [] => "Nothing waits for approval.\n".into(),
            all => {
                let rows = pending(all, now);
                format!(
                    "Waiting ({}):\n{rows}Look with: {show}\nAllow with: {approve}\n",
                    all.len()
                )
            }
        },
        || json!({"approvals": all.iter().map(document).collect::<Vec<_>>(), "nowMs": now}),
    )?;
    Ok(ExitStatusCode::OK)
}

async fn show(session: &mut Session<'_>, id: &str) -> Result<ExitStatusCode, Trouble> {
    let shown = session.admin().await?.approval(own(id)).await?;
    let (approval, now) = (shown.approval.unwrap_or_default(), shown.now_ms);
    let decide = [
        session.command(&format!("approvals approve {}", approval.approval_id)),
        session.command(&format!("approvals deny {}", approval.approval_id)),
    ];
    session.out.result(|| one(&approval, now, &decide), || document(&approval))?;
    Ok(ExitStatusCode::OK)
}

async fn decide(
    session: &mut Session<'_>,
    id: &str,
    decision: &str,
) -> Result<ExitStatusCode, Trouble> {
    let request = DecideApprovalRequest { approval_id: own(id), decision: decision.into() };
    let decided = session.admin().await?.decide_approval(request).await?;
    let approval = decided.approval.unwrap_or_default();
    let word = if decision == "deny" { "denied" } else { "allowed" };
    let title = words::line(&approval.title);
    session.out.done(word, || format!("{title}\n"), || document(&approval))?;
    Ok(ExitStatusCode::OK)
}

async fn history(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.ended_approvals().await?;
    let (all, now) = (&listed.approvals, listed.now_ms);
    let why = session.command("audit log --kind approval_decided");
    session.out.result(
        || match all.as_slice() {
            [] => "Nothing has waited for approval yet.\n".into(),
            all => format!("{}All of them, with who and from where: {why}\n", ended(all, now)),
        },
        || json!({"approvals": all.iter().map(document).collect::<Vec<_>>(), "nowMs": now}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// The id as the gateway knows it; the protocol puts the kind before it.
fn own(id: &str) -> String {
    id.strip_prefix("plugin:").unwrap_or(id).to_owned()
}

fn pending(all: &[Approval], now: u64) -> String {
    const HEAD: [&str; 6] = ["ID", "AGENT", "TOOL", "ASKED", "ENDS IN", "WHAT"];
    table::text(
        &HEAD,
        all.iter().map(|approval| {
            vec![
                words::plain(&approval.approval_id),
                maybe(approval.agent.as_ref()),
                maybe(approval.tool.as_ref()),
                words::ago(approval.at_ms, now),
                words::span(approval.until_ms.saturating_sub(now)),
                words::line(&approval.title),
            ]
        }),
    )
}

fn ended(all: &[Approval], now: u64) -> String {
    const HEAD: [&str; 6] = ["ID", "AGENT", "END", "BY", "WHEN", "WHAT"];
    table::text(
        &HEAD,
        all.iter().map(|approval| {
            let end = approval.end.clone().unwrap_or_default();
            vec![
                words::plain(&approval.approval_id),
                maybe(approval.agent.as_ref()),
                how(&end),
                maybe(end.by.as_ref()),
                words::ago(end.at_ms, now),
                words::line(&approval.title),
            ]
        }),
    )
}

fn how(end: &ApprovalEnd) -> String {
    let more = end.why.as_deref().or(end.decision.as_deref().filter(|one| *one == "allow-always"));
    let status = words::plain(&end.status);
    more.map_or(status.clone(), |more| format!("{status} ({})", words::plain(more)))
}

fn maybe(text: Option<&String>) -> String {
    text.map_or_else(|| "-".into(), |text| words::plain(text))
}

fn one(approval: &Approval, now: u64, decide: &[String; 2]) -> String {
    let mut facts = vec![
        ("What", words::line(&approval.title)),
        ("Agent", maybe(approval.agent.as_ref())),
        ("Session", approval.session.as_deref().map_or_else(|| "-".into(), words::line)),
        ("Tool", maybe(approval.tool.as_ref())),
        ("Asked", format!("{} (#{})", words::ago(approval.at_ms, now), approval.seq)),
        (
            "Takes",
            approval.offered.iter().map(|one| words::plain(one)).collect::<Vec<_>>().join(", "),
        ),
    ];
    match &approval.end {
        None => facts.push(("Ends in", words::span(approval.until_ms.saturating_sub(now)))),
        Some(end) => {
            facts.push(("Ended", format!("{} (#{})", words::ago(end.at_ms, now), end.seq)));
            facts.push(("How", how(end)));
            facts.push(("By", maybe(end.by.as_ref())));
        }
    }
    let mut text = table::facts(&facts);
    if let Some(detail) = &approval.detail {
        text.push_str("\nWhat it would do:\n");
        for line in detail.lines().take(DETAIL_LINES_MAX) {
            text.push_str(&format!("  {}\n", words::line(line)));
        }
    }
    if let (Some(digest), Some(bytes)) = (&approval.whole_sha256, approval.whole_bytes) {
        let digest = words::hex(digest);
        text.push_str(&format!("  (cut off here: {bytes} bytes in all, SHA-256 {digest})\n"));
    }
    if approval.end.is_none() {
        let [approve, deny] = decide;
        text.push_str(&format!("\nAllow with: {approve}\nDeny with:  {deny}\n"));
    }
    text
}

fn document(approval: &Approval) -> Value {
    let end = approval.end.as_ref().map(|end| {
        json!({
            "status": end.status,
            "decision": end.decision,
            "by": end.by,
            "why": end.why,
            "atMs": end.at_ms,
            "seq": end.seq,
        })
    });
    json!({
        "approvalId": approval.approval_id,
        "kind": approval.kind,
        "agent": approval.agent,
        "session": approval.session,
        "run": approval.run,
        "tool": approval.tool,
        "title": approval.title,
        "description": approval.description,
        "detail": approval.detail,
        "wholeSha256": approval.whole_sha256.as_deref().map(words::hex),
        "wholeBytes": approval.whole_bytes,
        "offered": approval.offered,
        "atMs": approval.at_ms,
        "seq": approval.seq,
        "untilMs": approval.until_ms,
        "end": end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    fn waiting() -> Approval {
        Approval {
            approval_id: "0f8c6a52-0000-4000-8000-000000000001".into(),
            kind: "plugin".into(),
            agent: Some("coder".into()),
            session: Some("agent:coder:main".into()),
            run: Some("run-1".into()),
            tool: Some("execute".into()),
            title: "rm -rf build".into(),
            description: "The agent coder asks for leave (execute): rm -rf build".into(),
            detail: Some("{\n  \"command\": \"rm -rf build\u{1b}[2J\"\n}".into()),
            whole_sha256: Some(vec![0x5a; 32]),
            whole_bytes: Some(70_000),
            offered: vec!["allow-once".into(), "deny".into()],
            at_ms: samples::NOW - 65_000,
            seq: 41,
            until_ms: samples::NOW + 235_000,
            end: None,
        }
    }

    fn ends() -> Vec<Approval> {
        let end = |status: &str, decision: Option<&str>, by: Option<&str>, why: Option<&str>| {
            let end = ApprovalEnd {
                status: status.into(),
                decision: decision.map(Into::into),
                by: by.map(Into::into),
                why: why.map(Into::into),
                at_ms: samples::NOW - 5000,
                seq: 44,
            };
            Approval { end: Some(end), ..waiting() }
        };
        vec![
            end("allowed", Some("allow-once"), Some("host"), None),
            end("allowed", Some("allow-always"), Some("shared-secret"), None),
            end("denied", Some("deny"), Some("person:ada"), None),
            end("expired", None, None, None),
            end("cancelled", None, None, Some("agent-crashed")),
        ]
    }

    #[test]
    fn approvals_as_people_see_them() {
        let now = samples::NOW;
        let decide = ["approve it", "deny it"].map(str::to_owned);
        let texts = [
            pending(&[waiting()], now),
            ended(&ends(), now),
            one(&waiting(), now, &decide),
            one(&ends()[1], now, &decide),
        ];
        samples::assert_golden("approvals.txt", &texts.join("---\n"));
    }

    #[test]
    fn approvals_as_programs_see_them() {
        let document = document(&ends()[4]);
        assert_eq!(document["wholeSha256"], "5a".repeat(32));
        assert_eq!(document["offered"], json!(["allow-once", "deny"]));
        assert_eq!(
            (&document["atMs"], &document["seq"]),
            (&json!(samples::NOW - 65_000), &json!(41))
        );
        let end = json!({
            "status": "cancelled", "decision": null, "by": null, "why": "agent-crashed",
            "atMs": samples::NOW - 5000, "seq": 44,
        });
        assert_eq!(document["end"], end);
    }
}
