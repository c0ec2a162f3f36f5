//! Sessions that are about to end, and those that rest.

use super::*;
use crate::domain::{registry::digest::SessionAct, talk::Usage};

const HELD: Held = Held { act: SessionAct::Delete, since: 7 };

fn hold(rest: &str, idle_since: Option<u64>) -> Order {
    let idle_since = idle_since.map(UnixMillis);
    Order::Hold { key: key(rest), expect: None, idle_since, held: HELD }
}

fn end(rest: &str, name: &str) -> Order {
    Order::End {
        key: key(rest),
        id: id(1),
        at: UnixMillis(30),
        run: run(name),
        said: vec![],
        state: RunState::Done,
        model: None,
        usage: Usage::default(),
    }
}

#[test]
fn nothing_happens_in_a_session_that_is_held() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        assert_eq!(transcripts.order(hold("a", None)).await, Err(TranscriptError::NoSession));
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        assert_eq!(transcripts.order(hold("a", None)).await, Err(TranscriptError::AtWork));
        transcripts.order(end("a", "r1")).await.unwrap();
        let held = transcripts.order(hold("a", None)).await.unwrap().session;
        assert_eq!((held.held, held.updated_at), (Some(HELD), UnixMillis(30)));
        let append =
            Order::Append { key: key("a"), at: UnixMillis(40), said: says(Author::User, "x") };
        let (at, patch) = (UnixMillis(40), Patch::default());
        let change = Order::Change { key: key("a"), at, patch: patch.clone() };
        let create = Order::Create { key: key("a"), id: id(3), at, patch };
        let away = Order::PutAway { key: key("a"), at, idle_since: at };
        for order in [begin("a", "r2", "more"), append, change, create, hold("a", None), away] {
            let refused = transcripts.order(order.clone()).await;
            assert_eq!(refused, Err(TranscriptError::Held), "{order:?}");
        }
        transcripts.close().await;
    });
    on(async {
        let (transcripts, _) = open(dir.path());
        assert_eq!(transcripts.session(&key("a")).unwrap().held, Some(HELD), "over a restart");
        let free = transcripts.order(Order::Release { key: key("a") }).await.unwrap().session;
        assert_eq!((free.held, free.updated_at), (None, UnixMillis(30)));
        transcripts.order(begin("a", "r2", "more")).await.unwrap();
        transcripts.order(end("a", "r2")).await.unwrap();
        transcripts.order(hold("a", None)).await.unwrap();
        let delete = Order::Delete { key: key("a"), expect: None };
        transcripts.order(delete).await.unwrap();
        assert!(transcripts.sessions().is_empty(), "what it was held for");
    });
}

#[test]
fn a_rule_takes_what_rests_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        transcripts.order(end("a", "r1")).await.unwrap();
        let away = |since| {
            let idle_since = UnixMillis(since);
            Order::PutAway { key: key("a"), at: UnixMillis(90), idle_since }
        };
        assert_eq!(transcripts.order(hold("a", Some(29))).await, Err(TranscriptError::NotIdle));
        assert_eq!(transcripts.order(away(29)).await, Err(TranscriptError::NotIdle));
        let resting = transcripts.order(away(30)).await.unwrap().session;
        assert_eq!(
            (resting.archived_at, resting.updated_at),
            (Some(UnixMillis(90)), UnixMillis(30))
        );
        transcripts.order(hold("a", Some(30))).await.unwrap();
    });
}

#[test]
fn lines_are_whole_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        let session = transcripts.session(&key("a")).unwrap();
        let lines = |session: &Session| {
            let mut text = Vec::new();
            let told = transcripts.lines(session, &session.transcripts(), &mut |line| {
                text.extend_from_slice(line);
                std::ops::ControlFlow::Continue(())
            });
            told.map(|()| String::from_utf8(text).unwrap())
        };
        let line = "{\"transcript\":\"01010101-0101-0101-0101-010101010101\",\"seq\":1,\"v\":1,\"at\":10,\
                    \"author\":\"user\",\"parts\":[{\"text\":\"hi\"}]}\n";
        assert_eq!(lines(&session).as_deref(), Ok(line));
        let more = Session { entries: 2, ..Session::clone(&session) };
        assert_eq!(lines(&more), Err(TranscriptError::NoSession), "one is missing");
        transcripts.order(Order::Delete { key: key("a"), expect: None }).await.unwrap();
        assert_eq!(lines(&session), Err(TranscriptError::NoSession), "it is gone");
        let none = Session { entries: 0, ..Session::clone(&session) };
        assert_eq!(lines(&none), Err(TranscriptError::NoSession), "and so is what had nothing");
    });
}
