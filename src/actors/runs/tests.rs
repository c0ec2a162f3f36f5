//! Runs with a runtime that does what the test says.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::*;
use crate::{
    actors::supervise::StopOnPanic,
    domain::{
        talk::{AgentId, Delta, Message, Sampling, Stop, ToolChoice, Usage},
        time::UnixMillis,
    },
    runtimes::Answer,
    support::shutdown::Shutdown,
    transcripts::{Draft, Order, RunState},
};

/// Says what it is told over a channel, and counts the answers that were given up.
struct Scripted {
    words: std::sync::Mutex<VecDeque<mpsc::UnboundedReceiver<Result<Delta, Failure>>>>,
    hung_up: Arc<AtomicUsize>,
}

struct HangUp(Arc<AtomicUsize>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Runtime for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn model(&self) -> Option<String> {
        None
    }

    fn answer(&self, _: Turn) -> Answer {
        let words = self.words.lock().unwrap().pop_front().unwrap();
        let state = (words, HangUp(Arc::clone(&self.hung_up)));
        stream::unfold(state, |(mut words, hang_up)| async {
            Some((words.recv().await?, (words, hang_up)))
        })
        .boxed()
    }
}

type Mouth = mpsc::UnboundedSender<Result<Delta, Failure>>;

/// A house with runs in it, and a runtime for so many answers.
struct House {
    runs: Runs,
    transcripts: Transcripts,
    runtime: Arc<Scripted>,
    mouths: Vec<Mouth>,
}

impl House {
    fn open(dir: &Path, answers: usize) -> Self {
        let hub = HubHandle::start(StopOnPanic::new("hub", Shutdown::default()));
        let (transcripts, _) = Transcripts::open(dir, UnixMillis(1)).unwrap();
        let (mouths, words): (Vec<_>, _) = (0..answers).map(|_| mpsc::unbounded_channel()).unzip();
        let words = std::sync::Mutex::new(words);
        let runtime = Arc::new(Scripted { words, hung_up: Arc::default() });
        Self { runs: Runs::start(hub, transcripts.clone()), transcripts, runtime, mouths }
    }

    fn hung_up(&self) -> usize {
        self.runtime.hung_up.load(Ordering::SeqCst)
    }

    fn job(&self, name: &str, session: Option<(SessionKey, SessionId)>, deadline: Duration) -> Job {
        let id = RunId::parse(name).unwrap();
        let key = session.as_ref().map(|(key, _)| key.clone());
        let run = Run::new(id.clone(), AgentId::main(), key.clone());
        let prepare = Box::new(move || {
            Ok(Turn {
                run: id,
                agent: AgentId::main(),
                session: key,
                messages: vec![],
                model: None,
                tools: vec![],
                tool_choice: ToolChoice::Auto,
                sampling: Sampling::default(),
            })
        });
        Job { run, session, runtime: Arc::clone(&self.runtime) as _, prepare, deadline }
    }

    fn begin(&self, name: &str) -> Arc<Run> {
        let job = self.job(name, None, LONG);
        let run = Arc::clone(&job.run);
        self.runs.begin(job).unwrap();
        run
    }

    async fn begin_in(&self, rest: &str, name: &str) -> Result<Arc<Run>, Crowded> {
        let key = SessionKey::of(&AgentId::main(), rest);
        let at = UnixMillis(2);
        let said = vec![Draft::of(Message::text(crate::domain::talk::Author::User, name))];
        let (id, run) = (SessionId([3; 16]), RunId::parse(name).unwrap());
        let order = Order::Begin { key: key.clone(), id, expect: None, at, run, said };
        self.transcripts.order(order).await.unwrap();
        let job = self.job(name, Some((key, id)), LONG);
        let run = Arc::clone(&job.run);
        self.runs.begin(job).map(|()| run)
    }
}

const LONG: Duration = Duration::from_secs(60);

fn story<T>(tell: impl AsyncFnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let told = actix_rt::System::new()
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), tell(dir.path())).await });
    told.expect("it hangs")
}

fn text(words: &str) -> Result<Delta, Failure> {
    Ok(Delta::Text(words.into()))
}

/// Everything that is heard until the end, its texts put together.
async fn whole(mut listener: Listener) -> (String, Ended) {
    let mut words = String::new();
    loop {
        match listener.next().await.unwrap() {
            Heard::Text(more) => words.push_str(&more),
            Heard::Ended(ended, _) => {
                assert_eq!(listener.next().await, None, "nothing follows the end");
                return (words, ended);
            }
            _ => {}
        }
    }
}

#[test]
fn whoever_listens_hears_everything_whenever_it_comes() {
    story(async |dir| {
        let house = House::open(dir, 1);
        let run = house.begin("r");
        let mouth = &house.mouths[0];
        let mut early = run.listen();
        mouth.send(text("one ")).unwrap();
        assert_eq!(early.next().await, Some(Heard::Text("one ".into())));
        mouth.send(Ok(Delta::Reasoning("hm".into()))).unwrap();
        assert_eq!(early.next().await, Some(Heard::Reasoning("hm".into())));
        let call = || Delta::ToolCall { id: "c".into(), name: "n".into(), arguments: "{}".into() };
        for said in [text("two "), text("three"), Ok(call()), text("."), text("")] {
            mouth.send(said).unwrap();
        }
        mouth.send(Ok(Delta::Usage(Usage { input: 1, output: 2 }))).unwrap();
        mouth.send(Ok(Delta::End(Stop::Done))).unwrap();
        run.over().await;
        assert_eq!(early.next().await, Some(Heard::Text("two three".into())), "put together");
        assert!(matches!(early.next().await, Some(Heard::ToolCall { .. })));
        assert_eq!(early.next().await, Some(Heard::Text(".".into())));
        let ended = Ended::Stopped(Stop::Done);
        assert_eq!(
            early.next().await,
            Some(Heard::Ended(ended.clone(), Usage { input: 1, output: 2 }))
        );
        assert_eq!(whole(run.listen()).await, ("one two three.".into(), ended));
        assert_eq!(house.runs.count(), 0);
        assert!(house.runs.find(&run.id).is_some(), "still known");
    });
}

#[test]
fn an_abort_hangs_up_and_keeps_what_was_said() {
    story(async |dir| {
        let house = House::open(dir, 1);
        let run = house.begin_in("a", "r").await.unwrap();
        house.mouths[0].send(text("half")).unwrap();
        let mut listener = run.listen();
        assert_eq!(listener.next().await, Some(Heard::Text("half".into())));
        run.abort();
        assert_eq!(run.over().await, Ended::Stopped(Stop::Aborted));
        assert_eq!(house.hung_up(), 1);
        assert!(house.mouths[0].send(text("too late")).is_err(), "nobody listens upstream");
        let key = run.session.clone().unwrap();
        let session = house.transcripts.session(&key).unwrap();
        assert_eq!(session.last_run.as_ref().unwrap().state, RunState::Aborted);
        let kept = house.transcripts.entries(session.id, 2, 9).unwrap();
        assert_eq!(kept[0].draft.message.words(), "half");
        assert_eq!(kept[0].draft.stop, Some(Stop::Aborted));
    });
}

#[test]
fn in_a_session_one_works_at_a_time_and_in_order() {
    story(async |dir| {
        let house = House::open(dir, 3);
        let [first, second, third] = [
            house.begin_in("a", "r1").await.unwrap(),
            house.begin_in("a", "r2").await.unwrap(),
            house.begin_in("a", "r3").await.unwrap(),
        ];
        assert_eq!(house.runs.of_session(&first.session.clone().unwrap()).len(), 3);
        let end = |mouth: &Mouth, words| {
            mouth.send(text(words)).unwrap();
            mouth.send(Ok(Delta::End(Stop::Done))).unwrap();
        };
        end(&house.mouths[1], "second");
        house.mouths[0].send(text("first")).unwrap();
        let mut listener = first.listen();
        listener.next().await;
        assert_eq!(second.ended(), None, "it waits");
        third.abort();
        house.mouths[0].send(Ok(Delta::End(Stop::Done))).unwrap();
        assert_eq!(whole(second.listen()).await.0, "second");
        assert_eq!(third.over().await, Ended::Stopped(Stop::Aborted));
        let session = house.transcripts.session(&first.session.clone().unwrap()).unwrap();
        let said = house.transcripts.entries(session.id, 1, 99).unwrap();
        let said: Vec<_> = said.iter().map(|entry| entry.draft.message.words()).collect();
        assert_eq!(said, ["r1", "r2", "r3", "first", "second", ""]);
        let elsewhere = house.begin("r4");
        assert_eq!(house.runs.count(), 1);
        elsewhere.abort();
        elsewhere.over().await;
        for n in 0..=limits::RUNS_WAITING_PER_SESSION_MAX {
            house.begin_in("b", &format!("b{n}")).await.unwrap();
        }
        assert_eq!(house.begin_in("b", "one too many").await.unwrap_err(), Crowded::Session);
    });
}

#[test]
fn what_goes_wrong_is_told_and_kept() {
    story(async |dir| {
        let house = House::open(dir, 5);
        let said = Failure::Unreachable("nobody".into());
        let failed = house.begin_in("a", "r1").await.unwrap();
        house.mouths[0].send(Err(said.clone())).unwrap();
        assert_eq!(failed.over().await, Ended::Failed(said.clone()));
        let session = house.transcripts.session(&failed.session.clone().unwrap()).unwrap();
        assert_eq!(session.last_run.as_ref().unwrap().state, RunState::failed(&said));
        let mut house = house;
        let silent = house.begin("r2");
        drop(house.mouths.remove(1));
        assert!(matches!(silent.over().await, Ended::Failed(Failure::Broken(_))));
        let chatty = house.begin("r3");
        house.mouths[1].send(text(&"x".repeat(limits::ANSWER_BYTES_MAX))).unwrap();
        house.mouths[1].send(text("x")).unwrap();
        let limit = limits::ANSWER_BYTES_MAX;
        assert_eq!(chatty.over().await, Ended::Failed(Failure::TooLong { limit }));
        let slow = house.job("r4", None, Duration::from_millis(30));
        let run = Arc::clone(&slow.run);
        house.runs.begin(slow).unwrap();
        assert_eq!(run.over().await, Ended::Failed(Failure::TimedOut { after_ms: 30 }));
        let mut unready = house.job("r5", None, LONG);
        unready.prepare = Box::new(|| Err(Failure::Unsupported("it")));
        let run = Arc::clone(&unready.run);
        house.runs.begin(unready).unwrap();
        assert_eq!(run.over().await, Ended::Failed(Failure::Unsupported("it")));
        assert_eq!(house.runs.count(), 0);
    });
}
