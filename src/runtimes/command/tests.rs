//! Programs of `/bin/sh`, good and bad.

use std::{fs, path::Path, time::Duration};

use futures_util::StreamExt as _;

use super::{Command, Program};
use crate::{
    domain::talk::{
        AgentId, Author, Delta, Failure, Message, Model, Part, RunId, Sampling, SessionKey, Stop,
        ToolChoice,
    },
    runtimes::{Runtime as _, Turn, limits::ANSWER_BYTES},
    support::secret::Secret,
};

fn variable((name, value): (&str, &str)) -> (String, Secret<String>) {
    (name.into(), Secret::new(value.into()))
}

fn program(script: &str) -> Program {
    Program {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: [("PATH", "/usr/bin:/bin"), ("OWN", "v")].map(variable).into(),
        ..Program::default()
    }
}

fn turn(text: &str) -> Turn {
    Turn {
        run: RunId::parse("run-1").unwrap(),
        agent: AgentId::main(),
        session: Some(SessionKey::main_of(&AgentId::main())),
        messages: vec![
            Message::text(Author::User, "earlier"),
            Message::text(Author::Assistant, "yes"),
            Message::text(Author::User, text),
        ],
        model: None,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        sampling: Sampling::default(),
    }
}

async fn answer(program: Program, turn: Turn) -> Vec<Result<Delta, Failure>> {
    Command::new(program).answer(turn).collect().await
}

/// What it says, if it ends well.
async fn said(program: Program, message: &str) -> String {
    let deltas = answer(program, turn(message)).await;
    let model = Delta::Model(Model { provider: "command".into(), name: "sh".into() });
    assert_eq!(deltas.first(), Some(&Ok(model)), "{deltas:?}");
    assert_eq!(deltas.last(), Some(&Ok(Delta::End(Stop::Done))), "{deltas:?}");
    let text = deltas.into_iter().filter_map(|delta| match delta {
        Ok(Delta::Text(text)) => Some(text),
        _ => None,
    });
    text.collect()
}

/// Why it fails.
async fn failure(program: Program, turn: Turn) -> Failure {
    let mut deltas = answer(program, turn).await;
    deltas.pop().unwrap().unwrap_err()
}

#[tokio::test]
async fn the_message_goes_in_and_the_answer_comes_out() {
    for (script, message, expected) in [
        ("cat", "how are you?", "how are you?"),
        ("tr a-z A-Z; echo", "two\nlines", "TWO\nLINES"),
        ("printf 'é\\303'; sleep 0.05; printf '\\251🦉\\n\\n'", "hi", "éé🦉"),
        ("true", "hi", ""),
        ("echo early; exec <&-; sleep 0.05; echo late", "hi", "early\nlate"),
        ("echo aside >&2; echo said", "hi", "said"),
    ] {
        assert_eq!(said(program(script), message).await, expected, "{script}");
    }
    // More than the pipes hold, both ways at once.
    let long = "0123456789abcdef\n".repeat(40_000);
    assert_eq!(said(program("cat"), &long).await, long.trim_end());
}

#[tokio::test]
async fn an_answer_is_given_on_as_it_comes() {
    let command = Command::new(program("echo first; read -r wait < \"$FIFO\"; echo second"));
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut program = command.program.clone();
    program.env.push(variable(("FIFO", fifo.to_str().unwrap())));
    let mut answer = Command::new(program).answer(turn("hi"));
    while answer.next().await.unwrap().unwrap() != Delta::Text("first".into()) {}
    // Only now may it go on.
    tokio::fs::write(&fifo, "go\n").await.unwrap();
    let rest: Vec<_> = answer.map(Result::unwrap).collect().await;
    assert_eq!(rest, [Delta::Text("\nsecond".into()), Delta::End(Stop::Done)]);
}

#[tokio::test]
async fn its_environment_is_what_it_is_given() {
    let script = "/usr/bin/env | grep -vE '^(_|PWD|SHLVL)=' | sort";
    let expected = "DOORWARD_AGENT=main\nDOORWARD_RUN=run-1\nDOORWARD_SESSION=agent:main:main\n\
                    OWN=v\nPATH=/usr/bin:/bin";
    assert_eq!(said(program(script), "hi").await, expected);
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().canonicalize().unwrap();
    let there = Program { cwd: Some(real.clone()), ..program("pwd -P") };
    assert_eq!(Path::new(&said(there, "hi").await), real);
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let missing = Program { argv: vec!["/no/such/program".into()], ..Program::default() };
    let nowhere = Program { cwd: Some("/no/such/place".into()), ..program("true") };
    let nobody = Program { user: Some("no such user".into()), ..program("true") };
    for (program, expected) in [
        (program("echo it broke >&2; exit 3"), "exit status 3: it broke"),
        (program("exit 1"), "exit status 1"),
        (program("kill -9 $$"), "ended by signal 9"),
        (missing, "cannot start /no/such/program: No such file"),
        (nowhere, "cannot start /bin/sh: No such file"),
        (nobody, "cannot run as no such user: no such user in /etc/passwd"),
    ] {
        let failure = failure(program, turn("hi")).await;
        let Failure::Crashed(said) = &failure else { panic!("{failure:?}") };
        assert!(said.starts_with(expected), "{said}");
    }
    // Of many last words, the last ones.
    let script = "i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1";
    let failure = failure(program(script), turn("hi")).await.message();
    assert!(failure.ends_with("line 1999") && failure.len() < 400, "{failure}");
}

#[tokio::test]
async fn what_it_cannot_do_is_told_before_it_is_started() {
    let image = Part::Image { mime: "image/png".into(), base64: String::new() };
    let picture =
        Turn { messages: vec![Message { author: Author::User, parts: vec![image] }], ..turn("") };
    let tool = Turn { tool_choice: ToolChoice::Required, ..turn("hi") };
    for turn in [picture, tool] {
        let deltas = answer(program("echo never"), turn).await;
        assert!(matches!(deltas[..], [Err(Failure::Unsupported(_))]), "{deltas:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_ended() {
    let failure = failure(program("yes"), turn("hi")).await;
    assert_eq!(failure, Failure::TooLong { limit: ANSWER_BYTES });
}

/// Whether a process is there and not only waiting to be buried.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

async fn until_gone(pid: &str) {
    while lives(pid) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn whoever_drops_the_answer_ends_the_whole_group() {
    let script = "sleep 300 & child=$!; (sleep 300) & echo $$ $child $!; trap '' TERM; wait";
    let mut answer = Command::new(program(script)).answer(turn("hi"));
    let mut pids = String::new();
    while pids.split_whitespace().count() < 3 {
        if let Delta::Text(text) = answer.next().await.unwrap().unwrap() {
            pids += &text;
        }
    }
    assert!(pids.split_whitespace().all(lives), "{pids}");
    drop(answer);
    for pid in pids.split_whitespace() {
        tokio::time::timeout(Duration::from_secs(30), until_gone(pid)).await.expect(pid);
    }
}

#[tokio::test]
async fn what_it_leaves_behind_goes_with_it() {
    let pid = said(program("sleep 300 >/dev/null 2>&1 & echo $!"), "hi").await;
    tokio::time::timeout(Duration::from_secs(30), until_gone(&pid)).await.expect(&pid);
    // Also what holds its standard error open.
    let pid = said(program("sleep 300 >/dev/null & echo $!"), "hi").await;
    tokio::time::timeout(Duration::from_secs(30), until_gone(&pid)).await.expect(&pid);
}

#[tokio::test]
async fn it_runs_as_whom_it_is_told() {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let Some(other) = passwd.lines().find(|line| line.starts_with("nobody:")) else { return };
    let uid = other.split(':').nth(2).unwrap();
    let program = Program { user: Some("nobody".into()), ..program("id -u; id -G") };
    if rustix::process::geteuid().is_root() {
        let gid = other.split(':').nth(3).unwrap();
        assert_eq!(said(program, "hi").await, format!("{uid}\n{gid}"));
    } else {
        let failure = failure(program, turn("hi")).await.message();
        assert!(failure.contains("the gateway itself does not run as root"), "{failure}");
    }
}
