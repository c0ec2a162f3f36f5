//! Agents of `/bin/sh`: the requests of this side are numbered 1, 2, 3, so they need no parser.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::{self, BoxFuture},
};

use super::{Acp, Fate, Leave, Permissions, Wish};
use crate::{
    domain::talk::{
        AgentId, Author, Delta, Failure, Message, Model, RunId, Sampling, SessionKey, Stop,
        ToolChoice,
    },
    runtimes::{Runtime as _, Turn, program::Program},
    support::secret::Secret,
};

/// What every agent says first, and how it says things.
const BEGIN: &str = r#"
say() { printf '%s\n' "$1"; }
chunk() { say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"'"$1"'","content":{"type":"text","text":"'"$2"'"}}}}'; }
end() { say '{"jsonrpc":"2.0","id":'"$1"',"result":{"stopReason":"'"$2"'"}}'; }
read -r init
say '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'
read -r new
say '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
"#;

fn program(script: &str) -> Program {
    Program {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: vec![("PATH".into(), Secret::new("/usr/bin:/bin".into()))],
        ..Program::default()
    }
}

fn agent(script: &str) -> Acp {
    Acp::new(program(&format!("{BEGIN}{script}")), Arc::new(Denied))
}

fn turn(messages: &[(Author, &str)]) -> Turn {
    Turn {
        run: RunId::parse("r").unwrap(),
        agent: AgentId::main(),
        session: Some(SessionKey::main_of(&AgentId::main())),
        messages: messages.iter().map(|(author, text)| Message::text(*author, *text)).collect(),
        model: None,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        sampling: Sampling::default(),
    }
}

fn ask(text: &str) -> Turn {
    turn(&[(Author::User, text)])
}

async fn answer(agent: &Acp, turn: Turn) -> Vec<Result<Delta, Failure>> {
    let all = agent.answer(turn).collect();
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap()
}

/// The texts of an answer, and why it ended.
async fn said(agent: &Acp, turn: Turn) -> (String, Stop) {
    let mut deltas: Vec<Delta> =
        answer(agent, turn).await.into_iter().map(Result::unwrap).collect();
    let Some(Delta::End(stop)) = deltas.pop() else { panic!("{deltas:?}") };
    let model = Model { provider: "acp".into(), name: "sh".into() };
    assert_eq!(deltas.remove(0), Delta::Model(model));
    let text = deltas.iter().map(|delta| match delta {
        Delta::Text(text) => text.clone(),
        Delta::Reasoning(text) => format!("({text})"),
        other => panic!("{other:?}"),
    });
    (text.collect(), stop)
}

#[tokio::test]
async fn a_turn_is_a_prompt_and_its_updates_the_answer() {
    let script = r#"read -r prompt
        chunk agent_thought_chunk hm; chunk agent_message_chunk 'Hel'; chunk plan x
        say '{"jsonrpc":"2.0","id":77,"method":"fs/read_text_file","params":{}}'; read -r no
        case "$no" in *'"id":77'*) chunk agent_message_chunk lo;; esac
        case "$no" in *-32601*) chunk agent_message_chunk '!';; esac
        end 3 REASON"#;
    for (reason, stop) in [
        ("end_turn", Stop::Done),
        ("max_tokens", Stop::Length),
        ("refusal", Stop::Filtered),
        ("cancelled", Stop::Aborted),
    ] {
        let agent = agent(&script.replace("REASON", reason));
        assert_eq!(said(&agent, ask("hi")).await, ("(hm)Hello!".into(), stop), "{reason}");
    }
}

/// Says how much it was told: the number of blocks, and how many turns it had.
const COUNTING: &str = r#"turns=0; id=3
    while read -r prompt; do
        turns=$((turns+1))
        blocks=$(printf '%s' "$prompt" | grep -o '"type":"text"' | wc -l)
        chunk agent_message_chunk "$turns/$((blocks))"
        end $id end_turn; id=$((id+1))
    done"#;

#[tokio::test]
async fn a_session_has_its_own_agent_that_remembers() {
    let agent = agent(COUNTING);
    let history = [(Author::System, "Be brief."), (Author::User, "a"), (Author::Assistant, "b")];
    let next = [&history[..], &[(Author::User, "c")]].concat();
    let turn_of = |session: Option<&str>| Turn {
        session: session.map(|key| SessionKey::of(&AgentId::main(), key)),
        ..turn(&next)
    };
    for (session, expected) in [
        (Some("one"), "1/2"),
        (Some("one"), "2/1"),
        (Some("two"), "1/2"),
        (Some("one"), "3/1"),
        (None, "1/2"),
        (None, "1/2"),
    ] {
        let (text, _) = said(&agent, turn_of(session)).await;
        assert_eq!(text, expected, "{session:?}");
    }
}

/// Gives nobody leave.
struct Denied;

impl Permissions for Denied {
    fn ask(&self, _: Wish) -> BoxFuture<'static, Leave> {
        Box::pin(future::ready(Leave::No))
    }
}

/// Gives the leave it was made with, and notes what was wished.
struct Noted(Leave, Mutex<Vec<Wish>>);

impl Permissions for Noted {
    fn ask(&self, wish: Wish) -> BoxFuture<'static, Leave> {
        self.1.lock().unwrap().push(wish);
        Box::pin(future::ready(self.0))
    }
}

#[tokio::test]
async fn leave_is_asked_for_and_denied_if_nobody_gives_it() {
    let script = r#"read -r prompt
        say '{"jsonrpc":"2.0","id":"w","method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"t","title":"rm -rf x","kind":"execute","locations":[{"path":"/etc/x"}],"rawInput":{"argv":"rm"},"content":[{"type":"diff","path":"/etc/x","newText":"new"},{"type":"content","content":{"type":"text","text":"words"}}]},"options":[OPTIONS]}}'
        read -r told
        chunk agent_message_chunk "$(printf '%s' "$told" | grep -oE '"(optionId|outcome)":"[a-z]+"' | tr -d '"' | sort | tr '\n' ' ')"
        end 3 end_turn"#;
    let option =
        |kind: &str, id: &str| format!(r#"{{"optionId":"{id}","kind":"{kind}","name":"x"}}"#);
    let both =
        [option("allow_always", "aa"), option("allow_once", "ao"), option("reject_once", "ro")]
            .join(",");
    for (leave, options, expected) in [
        (Leave::Once, both.as_str(), "optionId:ao outcome:selected "),
        (Leave::Always, &both, "optionId:aa outcome:selected "),
        (Leave::No, &both, "optionId:ro outcome:selected "),
        (Leave::No, &option("allow_once", "ao"), "outcome:cancelled "),
        (Leave::Once, &option("allow_always", "aa"), "outcome:cancelled "),
    ] {
        let noted = Arc::new(Noted(leave, Mutex::default()));
        let program = program(&format!("{BEGIN}{}", script.replace("OPTIONS", options)));
        let agent = Acp::new(program.clone(), Arc::clone(&noted) as Arc<dyn Permissions>);
        assert_eq!(said(&agent, ask("hi")).await.0, expected, "{leave:?} {options}");
        let [wish] = <[Wish; 1]>::try_from(noted.1.lock().unwrap().clone()).unwrap();
        let turn = ask("hi");
        assert_eq!((wish.agent, wish.run, wish.session), (turn.agent, turn.run, turn.session));
        assert_eq!((wish.title.as_str(), wish.kind.as_deref()), ("rm -rf x", Some("execute")));
        let detail = "at /etc/x\n{\n  \"argv\": \"rm\"\n}\n/etc/x:\nnew\nwords";
        assert_eq!(wish.detail.as_deref(), Some(detail));
        let offers = |kind: &str| options.contains(kind);
        assert_eq!((wish.once, wish.always), (offers("allow_once"), offers("allow_always")));
        if leave == Leave::No {
            let silent = Acp::new(program, Arc::new(Denied));
            assert_eq!(said(&silent, ask("hi")).await.0, expected, "{options}");
        }
    }
}

/// Never answers, and notes who went away unanswered: whether the agent had crashed.
struct Silent(Arc<Mutex<Vec<bool>>>);

struct Gone(Arc<Mutex<Vec<bool>>>, Fate);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(self.1.is_crashed());
    }
}

impl Permissions for Silent {
    fn ask(&self, wish: Wish) -> BoxFuture<'static, Leave> {
        let gone = Gone(Arc::clone(&self.0), wish.fate);
        Box::pin(async move {
            let _gone = gone;
            future::pending().await
        })
    }
}

const WISH: &str = r#"
    wish() { say '{"jsonrpc":"2.0","id":"'"$1"'","method":"session/request_permission","params":{"toolCall":{"title":"x"},"options":[{"optionId":"o","kind":"allow_once"}]}}'; }
    "#;

#[tokio::test]
async fn while_a_person_is_asked_the_agent_is_listened_to() {
    for (script, expected, crashed) in [
        // Two at once, and words in between.
        ("wish a; chunk agent_message_chunk hm; wish b; end 3 end_turn", "hm", false),
        ("wish a; chunk agent_message_chunk hm; exit 3", "hm", true),
    ] {
        let gone = Arc::new(Mutex::default());
        let program = program(&format!("{BEGIN}{WISH}read -r p; {script}"));
        let agent = Acp::new(program, Arc::new(Silent(Arc::clone(&gone))));
        let answer = answer(&agent, ask("hi")).await;
        let texts = answer.iter().filter_map(|delta| match delta {
            Ok(Delta::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(texts.collect::<String>(), expected, "{script}");
        assert_eq!(answer.last().unwrap().is_err(), crashed, "{script}");
        let gone = gone.lock().unwrap();
        assert!(!gone.is_empty() && gone.iter().all(|one| *one == crashed), "{script}: {gone:?}");
    }
}

#[tokio::test]
async fn what_is_asked_when_the_turn_is_cancelled_is_answered() {
    let gone = Arc::new(Mutex::default());
    let script = r#"read -r p; wish a; chunk agent_message_chunk work
        read -r told; read -r answer
        case "$told$answer" in *session/cancel*'"id":"a"'*) end 3 cancelled;; esac
        read -r p"#;
    let script = program(&format!("{BEGIN}{WISH}{script}"));
    let agent = Acp::new(script, Arc::new(Silent(Arc::clone(&gone))));
    assert_eq!(begin_and_drop(&agent).await, "work");
    until("it is kept", || agent.inner.waiting.lock().unwrap().len() == 1).await;
    assert_eq!(*gone.lock().unwrap(), [false]);
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let wrong = |script: &str| Acp::new(program(script), Arc::new(Denied));
    let error = |code: i64| {
        format!(
            r#"read -r p; say '{{"jsonrpc":"2.0","id":3,"error":{{"code":{code},"message":"no"}}}}'; read -r x"#
        )
    };
    let crashed = |said: &str| Failure::Crashed(said.into());
    let rejected = Failure::Rejected { status: None, said: "no".into() };
    for (agent, expected) in [
        (
            agent("read -r p; chunk agent_message_chunk a; echo oops >&2; exit 3"),
            crashed("exit status 3: oops"),
        ),
        (agent("read -r p; exit 0"), crashed("exit status 0")),
        (wrong("echo no such model >&2; exit 1"), crashed("exit status 1: no such model")),
        (agent(&error(-32603)), rejected),
        (
            agent(&error(-32000)),
            Failure::Credentials("no (log in with the agent's own program)".into()),
        ),
        (
            wrong(
                r#"read -r i; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":9}}'; read -r x"#,
            ),
            Failure::Broken("it speaks version 9 of the protocol".into()),
        ),
    ] {
        let last = answer(&agent, ask("hi")).await.pop();
        assert_eq!(last, Some(Err(expected)));
    }
    let gibberish = answer(&agent("read -r p; say what; read -r x"), ask("hi")).await.pop();
    assert!(matches!(gibberish, Some(Err(Failure::Broken(_)))), "{gibberish:?}");
    let tools = Turn { tool_choice: ToolChoice::Required, ..ask("hi") };
    let refused = answer(&agent(COUNTING), tools).await;
    assert!(matches!(refused[..], [Err(Failure::Unsupported(_))]), "{refused:?}");
}

#[tokio::test]
async fn after_a_crash_the_next_turn_has_a_new_agent() {
    let agent = agent("read -r p; chunk agent_message_chunk a; end 3 end_turn; read -r p; exit 3");
    assert_eq!(said(&agent, ask("hi")).await.0, "a");
    let crashed = answer(&agent, ask("hi")).await.pop();
    assert_eq!(crashed, Some(Err(Failure::Crashed("exit status 3".into()))));
    assert_eq!(said(&agent, ask("hi")).await.0, "a");
}

/// Takes the answer as far as its first text, and drops it.
async fn begin_and_drop(agent: &Acp) -> String {
    let mut answer = agent.answer(ask("hi"));
    loop {
        if let Delta::Text(text) = answer.next().await.unwrap().unwrap() {
            return text;
        }
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect(what);
}

#[tokio::test]
async fn whoever_drops_the_answer_cancels_the_turn() {
    let agent = agent(
        r#"read -r p; chunk agent_message_chunk work; read -r told
        case "$told" in *session/cancel*) end 3 cancelled;; esac
        read -r p; chunk agent_message_chunk 'still here'; end 4 end_turn"#,
    );
    assert_eq!(begin_and_drop(&agent).await, "work");
    until("it is kept", || agent.inner.waiting.lock().unwrap().len() == 1).await;
    assert_eq!(said(&agent, ask("hi")).await.0, "still here");
}

#[tokio::test]
async fn an_agent_that_does_not_stop_is_ended() {
    let agent = agent("read -r p; chunk agent_message_chunk $$; sleep 300 & wait; sleep 300");
    let pid = begin_and_drop(&agent).await;
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    assert!(!gone());
    until("it is ended", gone).await;
    assert!(agent.inner.waiting.lock().unwrap().is_empty());
}
