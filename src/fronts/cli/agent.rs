//! `doorward agent` and `doorward agents`: one turn with an agent, and who there is to talk to.

use serde_json::{Value, json};

use super::{
    Session,
    args::AgentArgs,
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::proto::v1::{
    Agent, ListAgentsResponse, RunAccepted, RunAgentRequest, RunEnded, RunState, SessionName,
    run_agent_response::Step,
};

/// `agents list`
///
/// # Errors
/// What the gateway said instead.
pub async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.agents().await?;
    session.out.result(|| list_text(&listed), || list_json(&listed))?;
    Ok(ExitStatusCode::OK)
}

/// `agent`: exits 1 if there was no whole answer.
///
/// # Errors
/// What the gateway said instead, or why there is no answer.
pub async fn say(session: &mut Session<'_>, args: AgentArgs) -> Result<ExitStatusCode, Trouble> {
    let AgentArgs { message, agent, session_key, model, timeout } = args;
    let agent_id = agent.unwrap_or_default();
    let request = RunAgentRequest {
        message,
        session: session_key.map(|key| SessionName { key, agent_id: agent_id.clone() }),
        agent_id,
        model: model.unwrap_or_default(),
        timeout_ms: timeout.unwrap_or_default().saturating_mul(1000),
        run_id: String::new(),
    };
    let mut steps = session.admin().await?.run_agent(request).await?;
    let (mut accepted, mut begun) = (RunAccepted::default(), false);
    while let Some(step) = steps.next().await? {
        match step {
            Step::Accepted(by) => accepted = by,
            Step::Text(text) if !session.out.is_json() => {
                begun = true;
                session.out.raw(&safe(&text))?;
                session.out.flush()?;
            }
            Step::Text(_) => {}
            Step::Ended(ended) => {
                let end = if begun { "\n" } else { "" };
                session.out.result(|| end.into(), || document(&accepted, &ended))?;
                return over(ended);
            }
        }
    }
    let what = "the gateway did not say how it ended; the session will tell";
    let show = session.command(&format!("sessions show {}", accepted.session_key));
    Err(Trouble::new(ExitStatusCode::UNREACHABLE, what).run(show))
}

fn over(ended: RunEnded) -> Result<ExitStatusCode, Trouble> {
    match state(&ended) {
        "ok" => Ok(ExitStatusCode::OK),
        "aborted" => {
            Err(Trouble::new(ExitStatusCode::NOT_DONE, "the answer was ended by somebody"))
        }
        _ => {
            let what = words::line(&ended.failure.unwrap_or_default());
            let mut trouble = Trouble::new(ExitStatusCode::NOT_DONE, what);

            trouble.advice.code = ended.failure_code;
            trouble.advice.remedy = ended.remedy;
            Err(trouble)
        }
    }
}

/// What an agent says, on a terminal: lines stay lines, and nothing moves the cursor.
fn safe(text: &str) -> String {
    text.split_inclusive('\n').map(safe_line).collect()
}

fn safe_line(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() && !"\n\t".contains(c) { '\u{fffd}' } else { c })
        .collect()
}

/// In the words of the gateway protocol.
fn state(ended: &RunEnded) -> &'static str {
    match RunState::try_from(ended.state) {
        Ok(RunState::Done) => "ok",
        Ok(RunState::Aborted) => "aborted",
        _ => "error",
    }
}

fn document(accepted: &RunAccepted, ended: &RunEnded) -> Value {
    json!({
        "runId": accepted.run_id,
        "sessionKey": accepted.session_key,
        "agentId": accepted.agent_id,
        "status": state(ended),
        "text": ended.text,
        "stopReason": Some(&ended.stop_reason).filter(|reason| !reason.is_empty()),
        "model": ended.model,
        "usage": {"input": ended.input_tokens, "output": ended.output_tokens},
        "code": ended.failure_code,
        "error": ended.failure,
        "remedy": ended.remedy,
    })
}

fn list_text(listed: &ListAgentsResponse) -> String {
    let rows = listed.agents.iter().map(|agent| {
        let Agent { agent_id, name, emoji, runtime, model, is_default } = agent;
        let called = [emoji.as_deref(), name.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let called = words::plain(&called.join(" "));
        let or_none = |text: String| if text.is_empty() { "-".into() } else { text };
        vec![
            words::plain(agent_id),
            or_none(called),
            runtime.clone(),
            or_none(words::plain(model.as_deref().unwrap_or_default())),
            if *is_default { "yes".into() } else { String::new() },
        ]
    });
    table::text(&["AGENT", "NAME", "RUNTIME", "MODEL", "DEFAULT"], rows)
}

fn list_json(listed: &ListAgentsResponse) -> Value {
    let agents = listed.agents.iter().map(|agent| {
        json!({
            "id": agent.agent_id,
            "name": agent.name,
            "emoji": agent.emoji,
            "runtime": agent.runtime,
            "model": agent.model,
            "isDefault": agent.is_default,
        })
    });
    json!({"agents": agents.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_cannot_move_the_cursor() {
        assert_eq!(safe("a\u{1b}[2J\n\tb\rc\n"), "a\u{fffd}[2J\n\tb\u{fffd}c\n");
    }

    #[test]
    fn how_it_ended_row_by_row() {
        let ended = |state: RunState| RunEnded { state: state.into(), ..RunEnded::default() };
        assert_eq!(over(ended(RunState::Done)), Ok(ExitStatusCode::OK));
        for (state, code) in [(RunState::Aborted, None), (RunState::Failed, Some("AGENT_CRASHED"))]
        {
            let failure_code = code.map(str::to_owned);
            let trouble = over(RunEnded { failure_code, ..ended(state) }).unwrap_err();
            assert_eq!(trouble.exit, ExitStatusCode::NOT_DONE);
            assert_eq!(trouble.advice.code.as_deref(), code);
        }
    }
}
