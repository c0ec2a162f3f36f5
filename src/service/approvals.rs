//! What waits for a person: asked on behalf of agents, decided through any door, ended by rule.
//!
//! An agent's wish becomes a request in the ledger before anybody is shown it. Whoever waits for it
//! holds a [`Waiting`]; when that goes away undecided, because the run was aborted or the agent has
//! crashed, the request is withdrawn and the ledger says so.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::BoxFuture;

use super::Service;
use crate::{
    actors::registry::RegistryHandle,
    domain::{
        ids::{ApprovalId, Seq},
        operation::Operation,
        permit,
        principal::{Rule, Standing},
        refusal::{ApprovalFault, Refusal},
        registry::{
            Command, Registry,
            approvals::{
                self, Approval, Asker, DESCRIPTION_CHARS_MAX, DETAIL_BYTES_MAX, Decision, Kind,
                Outcome, Presentation, Request, TITLE_CHARS_MAX, TOOL_CHARS_MAX, Whole, Withdrawal,
            },
        },
        time::UnixMillis,
    },
    ledger::record::Via,
    runtimes::acp::{Fate, Leave, Permissions, Wish},
    support::{clock::SteadyClock, entropy, secret::digest},
};

/// What waits, as of now.
pub struct PendingApprovals {
    state: Arc<Registry>,
    /// The time now, by the clock that ends them.
    pub now: UnixMillis,
}

impl PendingApprovals {
    /// What is still to be decided, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Approval> {
        let now = self.now;
        let mut all: Vec<_> = self.state.approvals().pending().collect();
        all.retain(|approval| approval.request.until > now);
        all.sort_by_key(|approval| approval.asked);
        all.into_iter()
    }
}

/// Some that ended, the last first.
#[derive(Debug, Clone)]
pub struct EndedApprovals {
    /// These.
    pub approvals: Vec<Approval>,
    /// Where the rest begins, if there is more.
    pub next: Option<Seq>,
}

impl Service {
    /// What waits for a person.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn pending_approvals(&self, who: &Standing) -> Result<PendingApprovals, Refusal> {
        permit::check(who, Operation::ReadApprovals)?;
        let now = UnixMillis(self.0.steady.unix_millis());
        Ok(PendingApprovals { state: self.0.registry.state(), now })
    }

    /// One approval, whether it waits or has ended not long ago.
    ///
    /// # Errors
    /// If `who` may not know, or it is not known (any more).
    pub fn approval(&self, who: &Standing, id: ApprovalId) -> Result<Approval, Refusal> {
        permit::check(who, Operation::ReadApprovals)?;
        let state = self.0.registry.peek();
        state.approvals().get(id).cloned().ok_or(ApprovalFault::Unknown.into())
    }

    /// At most `limit` that ended before the record `before`, the last first.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn ended_approvals(
        &self,
        who: &Standing,
        before: Option<Seq>,
        limit: usize,
        kind: Option<Kind>,
    ) -> Result<EndedApprovals, Refusal> {
        permit::check(who, Operation::ReadApprovals)?;
        let state = self.0.registry.state();
        let ended = state.approvals().ended_before(before.unwrap_or(Seq(u64::MAX)));
        let mut ended =
            ended.filter(|approval| kind.is_none_or(|kind| kind == approval.request.kind));
        let approvals: Vec<_> = ended.by_ref().take(limit).cloned().collect();
        let more = ended.next().is_some();
        let last = approvals.last().and_then(|last| Some(last.ended.as_ref()?.0.seq));
        Ok(EndedApprovals { approvals, next: last.filter(|_| more) })
    }

    /// Decides one. The first answer wins.
    ///
    /// # Errors
    /// If `who` may not, it is over or not known, or cannot be answered like that.
    pub async fn decide_approval(
        &self,
        who: &Standing,
        via: Via,
        id: ApprovalId,
        decision: Decision,
    ) -> Result<Approval, Refusal> {
        let permit = permit::authorize(who, Operation::DecideApproval)?;
        let now = UnixMillis(self.0.steady.unix_millis());
        let command = approvals::Command::Decide { id, decision, now };
        let committed = self.0.registry.execute(permit, Command::Approval(command), via).await?;
        committed.state.approvals().get(id).cloned().ok_or(ApprovalFault::Unknown.into())
    }
}

/// Asks people on behalf of agents.
#[derive(Clone)]
pub struct Approver {
    registry: RegistryHandle,
    steady: SteadyClock,
}

impl Approver {
    /// One that asks in this registry, by the clock that ends what waits.
    pub fn new(registry: RegistryHandle, steady: SteadyClock) -> Self {
        Self { registry, steady }
    }
}

impl Permissions for Approver {
    fn ask(&self, wish: Wish) -> BoxFuture<'static, Leave> {
        let Self { registry, steady } = self.clone();
        Box::pin(async move {
            let answer = waited_for(registry, steady, wish).await;
            answer.unwrap_or_else(|refusal| {
                tracing::warn!(code = refusal.code(), "nobody could be asked; the agent is denied");
                Leave::No
            })
        })
    }
}

/// Asks, and waits until it has ended.
async fn waited_for(
    registry: RegistryHandle,
    steady: SteadyClock,
    wish: Wish,
) -> Result<Leave, Refusal> {
    if !wish.once && !wish.always {
        return Ok(Leave::No);
    }
    let until = UnixMillis(steady.unix_millis()).plus(approvals::TTL_MS);
    let fate = wish.fate.clone();
    let request = request(wish, until);
    let id = request.id;
    // Made before it is asked: whoever goes away meanwhile has asked all the same.
    let waiting = Waiting { registry: registry.clone(), id, fate, ended: false };
    let permit = permit::authorize(&Standing::system(Rule::AgentRun), Operation::RequestApproval)?;
    let command = Command::Approval(approvals::Command::Request(Box::new(request)));
    registry.execute(permit, command, Via::internal()).await?;
    Ok(waiting.over().await)
}

/// Somebody who waits for an approval. Going away withdraws it.
struct Waiting {
    registry: RegistryHandle,
    id: ApprovalId,
    fate: Fate,
    ended: bool,
}

impl Waiting {
    async fn over(mut self) -> Leave {
        let epoch = Arc::clone(self.registry.epoch());
        loop {
            // Read before the state is: what is committed in between wakes at once.
            let seen = epoch.now();
            let outcome = {
                let state = self.registry.peek();
                // One that so many others ended after that it is forgotten has ended.
                state.approvals().get(self.id).map_or(Some(Outcome::Expired), |approval| {
                    approval.ended.as_ref().map(|(_, outcome)| outcome.clone())
                })
            };
            if let Some(outcome) = outcome {
                self.ended = true;
                return match outcome {
                    Outcome::Decided(Decision::AllowOnce, _) => Leave::Once,
                    Outcome::Decided(Decision::AllowAlways, _) => Leave::Always,
                    _ => Leave::No,
                };
            }
            epoch.later_than(seen).await;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.ended {
            return;
        }
        let why = match self.fate.is_crashed() {
            true => Withdrawal::AgentCrashed,
            false => Withdrawal::RunEnded,
        };
        let (registry, id) = (self.registry.clone(), self.id);
        runtime.spawn(async move {
            let withdrawn = withdraw(&registry, Rule::AgentRun, id, why).await;
            if let Err(refusal) = withdrawn {
                // It runs out, or the next start withdraws it.
                tracing::warn!(code = refusal.code(), "an approval could not be withdrawn");
            }
        });
    }
}

/// Ends what nobody waits for any more, because the gateway was started again.
///
/// # Errors
/// If the ledger cannot take it.
pub async fn withdraw_all(registry: &RegistryHandle) -> Result<(), Refusal> {
    let state = registry.state();
    for approval in state.approvals().pending() {
        let (id, why) = (approval.request.id, Withdrawal::GatewayRestarted);
        withdraw(registry, Rule::Startup, id, why).await?;
    }
    Ok(())
}

async fn withdraw(
    registry: &RegistryHandle,
    rule: Rule,
    id: ApprovalId,
    why: Withdrawal,
) -> Result<(), Refusal> {
    let permit = permit::authorize(&Standing::system(rule), Operation::EndApproval)?;
    let command = Command::Approval(approvals::Command::Withdraw { id, why });
    registry.execute(permit, command, Via::internal()).await.map(drop)
}

/// What a person is shown of a wish.
fn request(wish: Wish, until: UnixMillis) -> Request {
    let Wish { agent, run, session, title, kind, detail, once, always, fate: _ } = wish;
    let title = match plain(&title, false) {
        title if title.trim().is_empty() => "something".to_owned(),
        title => title,
    };
    let tool = kind.map(|kind| cut(&plain(&kind, false), TOOL_CHARS_MAX));
    let what = tool.as_deref().unwrap_or("something");
    // A title that is cut is in the detail in full, so that nobody allows what was not shown.
    let is_long = title.chars().count() > TITLE_CHARS_MAX;
    let full: Vec<_> = is_long.then(|| title.clone()).into_iter().chain(detail).collect();
    let full = full.join("\n");
    let shown = plain(&full, true);
    // Some clients show the description and no detail, and only one line of it.
    let first = if is_long { "" } else { &title };
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let description = format!("The agent {agent} asks for leave ({what}): {first} {words}");
    let description = description.trim_end();
    let (detail, whole) = match shown.len() {
        0 => (None, None),
        length if length <= DETAIL_BYTES_MAX => (Some(shown), None),
        _ => {
            let whole = Whole { digest: digest(full.as_bytes()), bytes: full.len() as u64 };
            (Some(shown[..shown.floor_char_boundary(DETAIL_BYTES_MAX)].to_owned()), Some(whole))
        }
    };
    let offered: BTreeSet<_> = [
        once.then_some(Decision::AllowOnce),
        always.then_some(Decision::AllowAlways),
        Some(Decision::Deny),
    ]
    .into_iter()
    .flatten()
    .collect();
    Request {
        id: ApprovalId(entropy::uuid().into_bytes()),
        kind: Kind::Plugin,
        asker: Asker { agent: Some(agent), session, run: Some(run) },
        presentation: Presentation {
            tool,
            title: cut(&title, TITLE_CHARS_MAX),
            description: cut(description, DESCRIPTION_CHARS_MAX),
            detail,
            whole,
        },
        offered,
        until,
    }
}

/// A text without what could make a terminal or a page show something else than it says: control
/// characters, but for the ends of lines where there may be `lines`, and what turns the direction.
fn plain(text: &str, lines: bool) -> String {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let shown = |c: char| match c {
        '\n' if lines => c,
        '\t' | '\n' => ' ',
        c if c.is_control() || turns(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// A text of at most so many characters, with a mark where it was cut.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::talk::{AgentId, RunId};

    fn wish(title: &str, detail: Option<&str>) -> Wish {
        Wish {
            agent: AgentId::main(),
            run: RunId::parse("r").unwrap(),
            session: None,
            title: title.into(),
            kind: Some("execute".into()),
            detail: detail.map(Into::into),
            once: true,
            always: false,
            fate: Fate::default(),
        }
    }

    #[test]
    fn whatever_is_asked_fits_and_nothing_is_hidden() {
        let long = "é".repeat(5000);
        for (title, detail) in [
            ("", None),
            ("rm -rf x", None),
            ("a\u{1b}[2Jb\u{202e}c\nd", Some("e\u{7}\nf")),
            (long.as_str(), None),
            ("x", Some(long.as_str())),
        ] {
            let request = request(wish(title, detail), UnixMillis(1));
            let shown = &request.presentation;
            assert!(shown.fits(), "{title} {shown:?}");
            let visible = format!("{}{}", shown.title, shown.description);
            let harmless = |c: char| !c.is_control() && c != '\u{202e}';
            assert!(visible.chars().all(harmless), "{visible:?}");
            let full = format!("{title}{}", detail.unwrap_or_default());
            assert_eq!(shown.whole.is_some(), full.len() > DETAIL_BYTES_MAX);
        }
        let shown = request(wish(&long, None), UnixMillis(1)).presentation;
        let whole = Whole { digest: digest(long.as_bytes()), bytes: 10_000 };
        assert_eq!(shown.whole, Some(whole));
        assert!(shown.title.ends_with('…'));
        let shown = request(wish("a\u{1b}[2Jb", Some("c\nd\u{7}")), UnixMillis(1)).presentation;
        assert_eq!((shown.title.as_str(), shown.detail.as_deref()), ("a�[2Jb", Some("c\nd�")));
        assert!(shown.description.ends_with("a�[2Jb c d�"));
    }
}
