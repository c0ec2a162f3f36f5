//! What is stored is what is read, whatever it is and however large.

use super::*;
use crate::domain::{
    registry::digest::SessionAct,
    talk::{Model, Part, Stop, Usage},
};

fn full() -> Draft {
    let parts = vec![
        Part::Text("text \u{1f600}".into()),
        Part::Image { mime: "image/png".into(), base64: "aGk=".into() },
        Part::ToolCall { id: "c".into(), name: "n".into(), arguments: "{}".into() },
        Part::ToolResult { call: "c".into(), content: "r".into() },
    ];
    Draft {
        message: Message { author: Author::Assistant, parts },
        run: Some(run("r1")),
        by: Some("someone".into()),
        label: Some("label".into()),
        model: Some(Model { provider: "p".into(), name: "m".into() }),
        usage: Some(Usage { input: 1, output: 2 }),
        stop: Some(Stop::ToolCalls),
        failure: Some(("CODE".into(), "words".into())),
    }
}

#[test]
fn entries_and_sessions_come_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let kept = on(async {
        let (transcripts, _) = open(dir.path());
        transcripts.order(begin("a", "r1", "hi")).await.unwrap();
        let append = |said| Order::Append { key: key("a"), at: UnixMillis(20), said };
        transcripts.order(append(full())).await.unwrap();
        // Cut into pieces, and next to others that are.
        for text in ["a".repeat(200_000), "b".repeat(48 * 1024 * 3), "c".into()] {
            transcripts.order(append(says(Author::User, &text))).await.unwrap();
        }
        let state = RunState::Failed { code: "C".into(), message: "m".into() };
        let (model, usage) = (full().model, Usage { input: 7, output: 8 });
        let (id, at, run) = (id(1), UnixMillis(30), run("r1"));
        let end = Order::End { key: key("a"), id, at, run, said: vec![], state, model, usage };
        transcripts.order(end).await.unwrap();
        let patch = Patch {
            label: Some(Some("l".into())),
            model: Some(Some("p/m".into())),
            archived: Some(true),
            pinned: Some(true),
            unread: Some(true),
        };
        let change = Order::Change { key: key("a"), at: UnixMillis(31), patch };
        let session = transcripts.order(change).await.unwrap().session;
        transcripts.close().await;
        session
    });
    let (transcripts, found) = open(dir.path());
    assert_eq!(found, Found::default());
    assert_eq!(transcripts.session(&key("a")), Some(kept));
    let entries = transcripts.entries(id(1), 1, 100).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!((&entries[1].draft, entries[1].at), (&full(), UnixMillis(20)));
    let lengths: Vec<_> = entries[2..].iter().map(|e| e.draft.message.words().len()).collect();
    assert_eq!(lengths, [200_000, 48 * 1024 * 3, 1]);
    let page = transcripts.entries(id(1), 2, 2).unwrap();
    assert_eq!(page, entries[1..3]);
    assert_eq!(transcripts.entries(id(1), 6, 9).unwrap(), []);
    assert_eq!(transcripts.entries(id(7), 1, 9).unwrap(), []);
}

/// The shapes are frozen: these bytes were written once and have to be read for ever.
#[test]
fn stored_bytes_of_version_1_are_read() {
    let entry = br#"{"v":1,"at":20,"author":"assistant","parts":[{"text":"hi"},{"image":{"mime":"image/png","base64":"aGk="}},{"tool_call":{"id":"c","name":"n","arguments":"{}"}},{"tool_result":{"call":"c","content":"r"}}],"run":"r1","by":"someone","label":"label","model":["p","m"],"usage":[1,2],"stop":"toolUse","failure":["CODE","words"]}"#;
    let read = shape::read_entry(7, entry).unwrap();
    let mut expected = full();
    expected.message.parts[0] = Part::Text("hi".into());
    assert_eq!(read, Entry { seq: 7, at: UnixMillis(20), draft: expected });
    assert_eq!(shape::write_entry(UnixMillis(20), &read.draft).unwrap(), entry);
    let row = br#"{"v":1,"key":"agent:main:a","id":"01010101-0101-0101-0101-010101010101","created_at":1,"updated_at":2,"entries":3,"label":"l","model":"p/m","archived_at":4,"pinned_at":5,"unread":true,"title":"t","preview":"p","usage":[6,7],"last_run":{"id":"r1","started_at":8,"ended_at":9,"state":"failed","failure":["C","m"],"model":["p","m"]},"recent":["r1"],"open":["r2"],"previous":["02020202-0202-0202-0202-020202020202"]}"#;
    let session = shape::read_session(row).unwrap();
    assert_eq!((session.id, session.entries, &session.previous[..]), (id(1), 3, &[id(2)][..]));
    assert_eq!(shape::write_session(&session).unwrap(), row);
    let held = row.strip_suffix(b"}").unwrap();
    let held = [held, br#","held":["delete",8]}"#].concat();
    let session = shape::read_session(&held).unwrap();
    assert_eq!(session.held, Some(Held { act: SessionAct::Delete, since: 8 }));
    assert_eq!(shape::write_session(&session).unwrap(), held);
    for (bytes, says) in [
        (&br#"{"v":2}"#[..], "version 2 is not known here"),
        (b"{}", "missing field `v`"),
        (br#"{"v":1}"#, "missing field"),
        (b"\xff", "damaged"),
    ] {
        let error = shape::read_entry(1, bytes).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(shape::read_session(bytes).is_err());
    }
}
