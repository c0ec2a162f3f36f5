//! Saying something to an agent in a session.

use std::{sync::Arc, time::Duration};

use super::{Agent, crowded, now, refused};
use crate::{
    actors::{
        news::{Fact, News},
        runs::{Job, Run},
        talk_news::TalkNews,
    },
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{
            Author, Failure, Message as Words, Part, RunId, Sampling, SessionId, SessionKey, Tool,
            ToolChoice,
        },
    },
    runtimes::Turn,
    service::Service,
    support::entropy,
    transcripts::{Draft, Entry, Order, Session, Transcripts},
};

/// The most entries of a session that an agent is given. Models forget what is far back anyway, and
/// what they are given is paid for.
const CONTEXT_ENTRIES_MAX: usize = 200;

/// The most bytes of text that an agent is given of what was said before.
const CONTEXT_BYTES_MAX: usize = 512 * 1024;

/// Something to say.
#[derive(Debug, Clone)]
pub struct Message {
    /// In which session; to its agent.
    pub session: SessionKey,
    /// The transcript that is meant, if it matters.
    pub expect: Option<SessionId>,
    /// Names the work, and makes a second try harmless.
    pub run: RunId,
    /// What is said. More than one message only where the session is new to the client's history.
    pub said: Vec<Words>,
    /// Instructions for this turn alone.
    pub instructions: Option<String>,
    /// A model other than the session's.
    pub model: Option<String>,
    /// The client's tools.
    pub tools: Vec<Tool>,
    /// Whether to call one.
    pub tool_choice: ToolChoice,
    /// How to choose words.
    pub sampling: Sampling,
    /// How long it may take, if less than the agent's own limit.
    pub deadline: Option<Duration>,
}

impl Message {
    /// Plain words in a session.
    pub fn plain(session: SessionKey, run: RunId, parts: Vec<Part>) -> Self {
        Self {
            session,
            expect: None,
            run,
            said: vec![Words { author: Author::User, parts }],
            instructions: None,
            model: None,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            sampling: Sampling::default(),
            deadline: None,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Sent {
    /// It is kept, and the agent is at it.
    Begun {
        /// The run.
        run: Arc<Run>,
        /// The session, with what was said.
        session: Arc<Session>,
    },
    /// It had been sent before. The run, if it is still known here.
    Known(Option<Arc<Run>>, Arc<Session>),
}

impl Service {
    /// Says something to an agent. Once kept, it is answered whatever becomes of the client.
    ///
    /// # Errors
    /// If `who` may not, there is no such agent, the session was reset meanwhile, or there is no room.
    pub async fn send(&self, who: &Standing, message: Message) -> Result<Sent, Refusal> {
        permit::check(who, Operation::Complete)?;
        let talk = &self.0.talk;
        let agent = talk.agents.get(message.session.agent())?.clone();
        let by = who.principal.reference();
        let run = Run::new(message.run.clone(), agent.id.clone(), Some(message.session.clone()));
        let said = message.said.iter().cloned().map(|said| Draft {
            run: Some(message.run.clone()),
            by: Some(by.clone()),
            ..Draft::of(said)
        });
        let begin = Order::Begin {
            key: message.session.clone(),
            id: SessionId(entropy::uuid().into_bytes()),
            expect: message.expect,
            at: now(),
            run: message.run.clone(),
            said: said.collect(),
        };
        let begun = talk.transcripts.order(begin).await.map_err(refused)?;
        let session = begun.session;
        if begun.known {
            return Ok(Sent::Known(talk.runs.find(&message.run), session));
        }
        self.tell_said(&session, message.said.len() as u64);
        let deadline = message.deadline.map_or(agent.deadline, |wish| wish.min(agent.deadline));
        let runtime = Arc::clone(&agent.runtime);
        let id = session.id;
        let transcripts = talk.transcripts.clone();
        let kept = Arc::clone(&session);
        let key = message.session.clone();
        let prepare = Box::new(move || turn(&transcripts, &agent, &kept, message));
        let (session_of, run_of) = (Some((key, id)), Arc::clone(&run));
        let job = Job { run: run_of, session: session_of, runtime, prepare, deadline };
        if let Err(full) = talk.runs.begin(job) {
            self.give_up(&run, &session).await;
            return Err(crowded(full));
        }
        Ok(Sent::Begun { run, session })
    }

    /// A run that found no place: what was said stays, and the session does not wait for an answer.
    async fn give_up(&self, run: &Run, session: &Session) {
        let failure = Failure::Rejected { status: None, said: "too many runs".into() };
        let state = crate::transcripts::RunState::failed(&failure);
        let (key, id, run) = (session.key.clone(), session.id, run.id.clone());
        let (said, model, usage) = (Vec::new(), None, Default::default());
        let end = Order::End { key, id, at: now(), run, said, state, model, usage };
        if let Err(error) = self.0.talk.transcripts.order(end).await {
            tracing::warn!(%error, "a run that found no place could not be noted");
        }
    }

    /// Tells of the session's newest entries.
    pub(super) fn tell_said(&self, session: &Arc<Session>, entries: u64) {
        for seq in session.entries.saturating_sub(entries) + 1..=session.entries {
            let said = TalkNews::Said { session: Arc::clone(session), seq };
            self.0.hub.publish(News::new(Fact::Talk(said)));
        }
        self.tell_changed(session, "send");
    }

    /// Tells that a session is not as it was.
    pub(super) fn tell_changed(&self, session: &Arc<Session>, reason: &'static str) {
        let changed = TalkNews::Changed { session: Arc::clone(session), reason };
        self.0.hub.publish(News::new(Fact::Talk(changed)));
    }

    /// A run by its name, at work or ended lately.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn run(&self, who: &Standing, id: &RunId) -> Result<Option<Arc<Run>>, Refusal> {
        permit::check(who, Operation::ReadSessions).map(|()| self.0.talk.runs.find(id))
    }

    /// The runs of a session that have not ended.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn runs_of(&self, who: &Standing, key: &SessionKey) -> Result<Vec<Arc<Run>>, Refusal> {
        permit::check(who, Operation::ReadSessions).map(|()| self.0.talk.runs.of_session(key))
    }

    /// Ends one run of a session, or all of them. Gives those that were told to end.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn abort(
        &self,
        who: &Standing,
        key: Option<&SessionKey>,
        run: Option<&RunId>,
    ) -> Result<Vec<Arc<Run>>, Refusal> {
        permit::check(who, Operation::Complete)?;
        let runs = &self.0.talk.runs;
        let mut meant = match (key, run) {
            (_, Some(run)) => runs.find(run).into_iter().collect(),
            (Some(key), None) => runs.of_session(key),
            (None, None) => Vec::new(),
        };
        meant.retain(|run| {
            run.ended().is_none() && key.is_none_or(|key| run.session.as_ref() == Some(key))
        });
        meant.iter().for_each(|run| run.abort());
        Ok(meant)
    }
}

/// What an agent is given: its instructions, what was said before, and what is to be answered.
fn turn(
    transcripts: &Transcripts,
    agent: &Agent,
    session: &Session,
    message: Message,
) -> Result<Turn, Failure> {
    let unread = |error| Failure::Broken(format!("the session could not be read: {error}"));
    // The session may have gone on since: another run's answer belongs before this question.
    let entries = transcripts.session(&session.key).map_or(session.entries, |now| now.entries);
    let first = entries.saturating_sub(CONTEXT_ENTRIES_MAX as u64) + 1;
    let entries = transcripts.entries(session.id, first, CONTEXT_ENTRIES_MAX).map_err(unread)?;
    let instructions = [agent.instructions.clone(), message.instructions];
    let instructions: Vec<_> = instructions.into_iter().flatten().collect();
    let mut messages = Vec::new();
    if !instructions.is_empty() {
        messages.push(Words::text(Author::System, instructions.join("\n\n")));
    }
    messages.extend(context(entries, &message.run));
    messages.extend(message.said);
    Ok(Turn {
        run: message.run,
        agent: agent.id.clone(),
        session: Some(session.key.clone()),
        messages,
        model: message.model.or_else(|| session.model.clone()),
        tools: message.tools,
        tool_choice: message.tool_choice,
        sampling: message.sampling,
    })
}

/// What was said before, without what this run began with and without what came to nothing; the
/// newest as far as the limit goes.
fn context(entries: Vec<Entry>, run: &RunId) -> Vec<Words> {
    let said = entries.into_iter().filter(|entry| entry.draft.run.as_ref() != Some(run));
    let said = said.map(|entry| entry.draft.message).filter(|said| !said.parts.is_empty());
    let said: Vec<_> = said.collect();
    let mut room = CONTEXT_BYTES_MAX;
    let fits = said.iter().rev().take_while(|said| {
        let bytes = said.words().len();
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    });
    let kept = fits.count();
    said[said.len() - kept..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixMillis;

    #[test]
    fn an_agent_is_given_what_was_said_before() {
        let run = |name| RunId::parse(name);
        let entry = |seq, name, text: &str| Entry {
            seq,
            at: UnixMillis(0),
            draft: Draft { run: run(name), ..Draft::of(Words::text(Author::User, text)) },
        };
        let failed = Draft::of(Words { author: Author::Assistant, parts: vec![] });
        let long = "x".repeat(CONTEXT_BYTES_MAX - 3);
        let texts = |entries: Vec<Entry>| -> Vec<String> {
            context(entries, &run("mine").unwrap()).iter().map(Words::words).collect()
        };
        let entries = vec![
            entry(1, "a", "old"),
            Entry { seq: 2, at: UnixMillis(0), draft: failed },
            entry(3, "mine", "question"),
            entry(4, "b", "new"),
        ];
        assert_eq!(texts(entries), ["old", "new"]);
        let cut = vec![entry(1, "a", "older"), entry(2, "a", &long), entry(3, "a", "abc")];
        assert_eq!(texts(cut).len(), 2, "the oldest makes room");
        assert_eq!(texts(vec![entry(1, "a", &"x".repeat(CONTEXT_BYTES_MAX + 1))]).len(), 0);
    }
}
