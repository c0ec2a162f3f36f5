//! One turn's work: which model is asked next, when, and what of its stream is given on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    super::limits::FAREWELL, Api, Inner, Provider, anthropic, http::Reply, openai, sse::Events,
    tally::Tally,
};
use crate::{
    domain::talk::{Delta, Failure, Model, Stop, ToolChoice},
    runtimes::Turn,
    support::entropy,
};

/// A turn on its way.
#[derive(Debug)]
pub(super) struct Work {
    inner: Arc<Inner>,
    turn: Turn,
    /// Whom to ask: the first now, the others if it fails.
    models: VecDeque<Model>,
    /// How often the first was asked.
    tries: u32,
    open: Option<Open>,
    /// What is to be given on.
    ready: VecDeque<Delta>,
    /// A word has been given: there is no way back.
    given: bool,
    /// A tool was called.
    called: bool,
    over: bool,
}

/// A stream that a provider has begun.
#[derive(Debug)]
struct Open {
    reply: Reply,
    events: Events,
    tally: Tally,
    api: Api,
    silence: Duration,
    /// It was said which model answers.
    named: bool,
}

impl Work {
    pub(super) fn new(inner: Arc<Inner>, turn: Turn, models: VecDeque<Model>) -> Self {
        let ready = VecDeque::new();
        let (given, called, over) = (false, false, false);
        Self { inner, turn, models, tries: 0, open: None, ready, given, called, over }
    }

    /// The next step of the answer; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Delta, Failure>> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                self.called |= matches!(delta, Delta::ToolCall { .. });
                self.over |= matches!(delta, Delta::End(_));
                if matches!(delta, Delta::End(Stop::Done)) && self.lacks_a_call() {
                    let said = "it called no tool, though it was told to (`tool_choice`)";
                    return Some(Err(Failure::Broken(said.into())));
                }
                self.given |= !matches!(delta, Delta::Model(_) | Delta::Usage(_));
                return Some(Ok(delta));
            }
            if self.over {
                return None;
            }
            if let Err(failure) = self.step().await
                && let Err(failure) = self.recover(failure).await
            {
                self.over = true;
                return Some(Err(failure));
            }
        }
    }

    /// Whether it was told to call a tool, and did not. A server may ignore what it does not know; an
    /// answer in place of the call would be taken for one.
    fn lacks_a_call(&self) -> bool {
        let told_to = matches!(self.turn.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        told_to && !self.called
    }

    /// Asks, or reads one piece further.
    async fn step(&mut self) -> Result<(), Failure> {
        let model = self.models.front().cloned().ok_or_else(|| nobody(""))?;
        let Some(open) = &mut self.open else {
            self.open = Some(self.ask(&model).await?);
            return Ok(());
        };
        open.read().await?;
        if !open.tally.ready.is_empty() && !std::mem::replace(&mut open.named, true) {
            self.ready.push_back(Delta::Model(model));
        }
        self.ready.append(&mut open.tally.ready);
        Ok(())
    }

    async fn ask(&self, model: &Model) -> Result<Open, Failure> {
        let provider = self.provider(model).ok_or_else(|| nobody(&model.provider))?;
        let Provider { api, silence, base_url, .. } = provider;
        let (path, body) = match api {
            Api::OpenAi => {
                ("chat/completions", openai::request(base_url, &model.name, &self.turn)?)
            }
            Api::Anthropic => ("messages", anthropic::request(&model.name, &self.turn)?),
        };
        let reply = self.inner.http.send(provider, path, &body, *silence).await?;
        let (events, tally) = (Events::default(), Tally::default());
        Ok(Open { reply, events, tally, api: *api, silence: *silence, named: false })
    }

    fn provider(&self, model: &Model) -> Option<&Provider> {
        self.inner.providers.iter().find(|provider| provider.id == model.provider)
    }

    /// Gets ready for another try, if there is to be one.
    async fn recover(&mut self, failure: Failure) -> Result<(), Failure> {
        self.open = None;
        let provider = self.models.front().and_then(|model| self.provider(model));
        let failure = provider.map_or(failure.clone(), |provider| provider.clean(failure));
        if self.given || !failure.is_passing() {
            return Err(failure);
        }
        self.tries += 1;
        if let Some(wait) = self.wait(&failure) {
            tokio::time::sleep(wait).await;
            return Ok(());
        }
        self.models.pop_front();
        self.tries = 0;
        match self.models.is_empty() {
            true => Err(failure),
            false => Ok(()),
        }
    }

    /// How long to wait before the same model is asked again; `None`: it is not.
    ///
    /// Nobody who was silent until patience ended is waited for once more.
    fn wait(&self, failure: &Failure) -> Option<Duration> {
        let patience = &self.inner.patience;
        if self.tries >= patience.tries || matches!(failure, Failure::TimedOut { .. }) {
            return None;
        }
        let doubled = patience.backoff.saturating_mul(1 << (self.tries - 1).min(16));
        let most = doubled.min(patience.backoff_most);
        // Full jitter: those that failed together do not come back together.
        let part = f64::from(u32::from_le_bytes(entropy::bytes())) / f64::from(u32::MAX);
        let jittered = most.mul_f64(part);
        match failure {
            Failure::RateLimited { retry_after_ms: Some(ms), .. } => {
                let asked = Duration::from_millis(*ms);
                (asked <= patience.retry_after_most).then(|| asked.max(jittered))
            }
            _ => Some(jittered),
        }
    }
}

impl Open {
    /// Takes in one piece of the stream, or its end.
    async fn read(&mut self) -> Result<(), Failure> {
        let said_all = self.tally.stop.is_some();
        let patience = if said_all { self.silence.min(FAREWELL) } else { self.silence };
        match self.reply.more(patience).await {
            Ok(Some(piece)) => {
                self.events.push(&piece)?;
                self.take()
            }
            Ok(None) => {
                self.events.end()?;
                self.take()?;
                match self.tally.stop {
                    _ if self.is_over() => {}
                    Some(_) => self.tally.finish(),
                    None => return Err(Failure::Broken("the stream was cut".into())),
                }
                Ok(())
            }
            // It is complete, but for a count or a farewell that never came.
            Err(_) if said_all => {
                self.tally.finish();
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Understands the events that are complete.
    fn take(&mut self) -> Result<(), Failure> {
        while !self.is_over()
            && let Some(data) = self.events.next()
        {
            let last = match self.api {
                Api::OpenAi => openai::event(&data, &mut self.tally)?,
                Api::Anthropic => anthropic::event(&data, &mut self.tally)?,
            };
            if last {
                self.tally.finish();
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        matches!(self.tally.ready.back(), Some(Delta::End(_)))
    }
}

/// A model of somebody whom the configuration does not know.
pub(super) fn nobody(provider: &str) -> Failure {
    let said = format!("no provider \"{provider}\" is in models.providers");
    Failure::Rejected { status: None, said }
}
