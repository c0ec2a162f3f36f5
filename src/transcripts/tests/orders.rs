//! Each order, and what it comes to.

use super::*;
use crate::domain::talk::{Failure, Model, Usage};

#[test]
fn what_is_said_under_one_run_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, found) = open(dir.path());
        assert_eq!(found, Found::default());
        let first = transcripts.order(begin("a", "r1", "hello  there")).await.unwrap();
        assert!(!first.known);
        assert_eq!(first.session.title.as_deref(), Some("hello there"));
        assert_eq!((first.session.entries, first.session.open.len()), (1, 1));
        let again = transcripts.order(begin("a", "r1", "something else")).await.unwrap();
        assert!(again.known);
        assert_eq!(again.session, first.session);
        assert!(!transcripts.order(begin("b", "r1", "elsewhere")).await.unwrap().known);
        assert_eq!(words(&transcripts, "a"), ["hello  there"]);
        for n in 0..session::RECENT_RUNS_MAX {
            transcripts.order(begin("a", &format!("n{n}"), "x")).await.unwrap();
        }
        assert!(!transcripts.order(begin("a", "r1", "much later")).await.unwrap().known);
    });
}

#[test]
fn a_run_begins_works_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        let start = Order::Start { key: key("a"), id: id(1), at: UnixMillis(20), run: run("r1") };
        let working = transcripts.order(start).await.unwrap().session;
        let last = working.last_run.clone().unwrap();
        assert_eq!((last.state, last.started_at.0, last.ended_at), (RunState::Running, 20, None));
        let end = |at, usage| Order::End {
            key: key("a"),
            id: id(1),
            at: UnixMillis(at),
            run: run("r1"),
            said: vec![says(Author::Assistant, "hello!")],
            state: RunState::Done,
            model: Some(Model { provider: "p".into(), name: "m".into() }),
            usage,
        };
        let usage = Usage { input: 3, output: 4 };
        let done = transcripts.order(end(30, usage)).await.unwrap().session;
        let last = done.last_run.clone().unwrap();
        assert_eq!((last.state, last.started_at.0), (RunState::Done, 20));
        assert_eq!(last.ended_at, Some(UnixMillis(30)));
        assert_eq!((done.usage, done.open.len(), done.unread), (usage, 0, true));
        assert_eq!(done.preview.as_deref(), Some("hello!"));
        assert_eq!(words(&transcripts, "a"), ["hi", "hello!"]);
        let reset = Order::Reset { key: key("a"), id: id(2), at: UnixMillis(40) };
        transcripts.order(reset).await.unwrap();
        let late = transcripts.order(end(50, usage)).await;
        assert_eq!(late, Err(TranscriptError::WasReset));
    });
}

#[test]
fn a_reset_keeps_the_old_transcript_and_a_deletion_none() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        let label = Patch { label: Some(Some("home".into())), ..Patch::default() };
        let create = |rest, n| Order::Create {
            key: key(rest),
            id: id(n),
            at: UnixMillis(5),
            patch: label.clone(),
        };
        transcripts.order(create("a", 1)).await.unwrap();
        assert_eq!(transcripts.order(create("b", 9)).await, Err(TranscriptError::LabelTaken));
        assert!(transcripts.session(&key("b")).is_none());
        transcripts.order(begin("a", "r1", "before")).await.unwrap();
        let reset = Order::Reset { key: key("a"), id: id(2), at: UnixMillis(40) };
        let fresh = transcripts.order(reset).await.unwrap().session;
        assert_eq!((fresh.id, fresh.entries, &fresh.previous[..]), (id(2), 0, &[id(1)][..]));
        assert_eq!((fresh.label.as_deref(), fresh.created_at.0), (Some("home"), 5));
        assert_eq!(transcripts.entries(id(1), 1, 9).unwrap().len(), 1);
        for n in 3..3 + session::PREVIOUS_MAX as u8 {
            let reset = Order::Reset { key: key("a"), id: id(n), at: UnixMillis(40) };
            transcripts.order(reset).await.unwrap();
        }
        let delete = |expect| Order::Delete { key: key("a"), expect };
        let other = transcripts.order(delete(Some(id(1)))).await;
        assert_eq!(other, Err(TranscriptError::WasReset));
        transcripts.order(delete(None)).await.unwrap();
        assert_eq!(transcripts.order(delete(None)).await, Err(TranscriptError::NoSession));
        transcripts.close().await;
    });
    on(async {
        let (transcripts, _) = open(dir.path());
        assert!(transcripts.sessions().is_empty());
        assert_eq!(transcripts.entries(id(1), 1, 9).unwrap(), []);
    });
}

#[test]
fn a_change_touches_what_it_names() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        let change = |at, patch| Order::Change { key: key("a"), at: UnixMillis(at), patch };
        let none = transcripts.order(change(1, Patch::default())).await;
        assert_eq!(none, Err(TranscriptError::NoSession));
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        let all = Patch {
            label: Some(Some("l".into())),
            model: Some(Some("p/m".into())),
            archived: Some(true),
            pinned: Some(true),
            unread: Some(true),
        };
        let session = transcripts.order(change(20, all)).await.unwrap().session;
        assert_eq!((session.label.as_deref(), session.model.as_deref()), (Some("l"), Some("p/m")));
        assert_eq!(
            session.archived_at.zip(session.pinned_at),
            Some((UnixMillis(20), UnixMillis(20)))
        );
        assert!(session.unread);
        let kept = transcripts.order(change(30, Patch::default())).await.unwrap().session;
        assert_eq!(Session { updated_at: UnixMillis(20), ..Session::clone(&kept) }, *session);
        let off = Patch {
            label: Some(None),
            model: Some(None),
            archived: Some(false),
            pinned: Some(false),
            unread: Some(false),
        };
        let session = transcripts.order(change(40, off)).await.unwrap().session;
        assert_eq!((&session.label, &session.model, session.unread), (&None, &None, false));
        assert_eq!((session.archived_at, session.pinned_at), (None, None));
    });
}

#[test]
fn what_was_under_way_is_marked_when_the_gateway_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    on(async {
        let (transcripts, _) = open(dir.path());
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        transcripts.order(begin("a", "r2", "and")).await.unwrap();
        transcripts.close().await;
    });
    on(async {
        let (transcripts, found) = open(dir.path());
        assert_eq!(found.interrupted, 2);
        let session = transcripts.session(&key("a")).unwrap();
        assert!(session.open.is_empty());
        let last = session.last_run.clone().unwrap();
        assert_eq!((last.id, last.state), (run("r2"), RunState::failed(&Failure::Interrupted)));
        let entries = transcripts.entries(session.id, 1, 9).unwrap();
        assert_eq!(entries.len(), 4);
        let codes = entries[2..].iter().map(|entry| entry.draft.failure.clone().unwrap().0);
        assert!(codes.eq(["AGENT_INTERRUPTED", "AGENT_INTERRUPTED"]));
        assert!(transcripts.order(begin("a", "r1", "hi")).await.unwrap().known, "still known");
        transcripts.close().await;
    });
    assert_eq!(on(async { open(dir.path()).1.interrupted }), 0);
}
