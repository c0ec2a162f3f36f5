//! Questions about authority, now and then: why someone holds something, who could do a thing, what
//! changed. Every answer is worked out from the ledger's records and the state that they add up to, by
//! the same code for a running gateway and for the files of one that is not running.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use super::{Service, audit::unreadable};
use crate::{
    domain::{
        Decider, Event,
        ids::Seq,
        lineage::{self, Act, Past, Root},
        operation::{Operation, Requirement},
        origin::Locality,
        permit,
        principal::{Standing, Subject},
        refusal::Refusal,
        registry::{
            Policy, Registry, Touched,
            explain::Explanation,
            holders::{Difference, Giver, Holder, differences},
            replay::{Decided, Otherwise, Replay},
        },
        scope::{Known, Role, Scope},
        time::{Stamp, UnixMillis},
    },
    ledger::{
        audit::{Entry, LedgerReader},
        error::StoreError,
        record::Record,
    },
};

/// A moment of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Right after this record.
    Seq(u64),
    /// At this time, after every record up to then.
    Time(UnixMillis),
    /// After the newest record.
    Now,
}

/// The whole state of authority at one moment.
#[derive(Debug, Clone)]
pub struct AsOf {
    /// The last record that is in it.
    pub stamp: Stamp,
    /// The state.
    pub state: Registry,
}

/// Why someone holds a scope, or not.
#[derive(Debug, Clone)]
pub struct Why {
    /// The last record that was looked at.
    pub stamp: Stamp,
    /// Who was asked about, and what it holds.
    pub holder: Holder,
    /// What it would stand on.
    pub standing: Standing,
    /// If it does not satisfy the scope: why not, and who could grant it.
    pub denied: Option<Explanation>,
    /// Who could grant what is missing, and what they are called.
    pub grantors: Vec<(Standing, Option<String>)>,
    /// If it does: the records that it stands on, the newest first.
    pub records: Vec<Entry>,
    /// What has become of those who made them.
    pub givers: Vec<Giver>,
    /// What allowed the last of them.
    pub root: Option<Root>,
}

/// What changed between two moments.
#[derive(Debug, Clone)]
pub struct Between {
    /// The earlier moment.
    pub before: Stamp,
    /// The later one.
    pub after: Stamp,
    /// Who gained and lost what, with the records that did it.
    pub changes: Vec<(Difference, Vec<Entry>)>,
}

/// History under another policy.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The last record that was judged.
    pub stamp: Stamp,
    /// The decisions that would have gone otherwise, in order.
    pub otherwise: Vec<(Entry, Otherwise)>,
    /// What everyone holds now, and would hold.
    pub differences: Vec<Difference>,
}

/// Who satisfies a scope at one moment.
#[derive(Debug, Clone)]
pub struct Able {
    /// The last record that was looked at.
    pub stamp: Stamp,
    /// Everyone, besides the host.
    pub holders: Vec<Holder>,
}

/// The most records that are shown as the cause of one change; the newest are kept.
const CAUSES_MAX: usize = 16;

/// The ledger, for questions about it. Everything here blocks on the disk.
pub struct History {
    reader: LedgerReader,
    /// How many records there are to tell of.
    told: u64,
    /// What they add up to, where a running gateway knows it.
    now: Option<Arc<Registry>>,
}

impl Service {
    /// Asks something of the ledger, away from the threads that serve others.
    ///
    /// # Errors
    /// If `who` may not, the store cannot be read, or there was nothing yet at that moment.
    pub async fn history<T: Send + 'static>(
        &self,
        who: &Standing,
        question: impl FnOnce(History) -> Result<Option<T>, HistoryError> + Send + 'static,
    ) -> Result<T, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        self.0.ledger.verified().await;
        let (reader, told) = (self.0.ledger.reader(), self.told_size());
        let history = History { reader, told, now: Some(self.0.registry.state()) };
        let stopped =
            |_| Refusal::Unavailable { reason: "the gateway is stopping", retry_after_ms: 0 };
        let answer = tokio::task::spawn_blocking(move || question(history)).await;
        answer.map_err(stopped)?.map_err(HistoryError::told)?.ok_or(Refusal::UnknownRecord)
    }
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum HistoryError {
    /// The store cannot be read.
    Store(StoreError),
    /// Whoever was asked about was not there.
    Refused(Refusal),
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl HistoryError {
    fn told(self) -> Refusal {
        match self {
            Self::Store(error) => unreadable(error),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl History {
    /// The history in the files of a gateway that is not running.
    pub(super) fn of_files(reader: LedgerReader) -> Self {
        Self { reader, told: u64::MAX, now: None }
    }

    /// The state at a moment: the same fold that the gateway does when it starts.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn as_of(&self, moment: Moment) -> Result<Option<AsOf>, HistoryError> {
        Ok(self.fold(&[moment])?.into_iter().flatten().next())
    }

    /// Why a subject satisfies a scope at a moment, or not.
    ///
    /// # Errors
    /// If the store cannot be read, or the subject holds nothing at all.
    pub fn why(
        &self,
        subject: &Subject,
        locality: Locality,
        scope: &Scope,
        moment: Moment,
    ) -> Result<Option<Why>, HistoryError> {
        let Some(AsOf { stamp, state }) = self.look(moment)? else { return Ok(None) };
        let standing = state.standing_of(subject, locality).map_err(HistoryError::Refused)?;
        let holder = state.holder(subject, locality);
        let holder = holder.ok_or(HistoryError::Refused(Refusal::GrantEnded))?;
        // A scope that is not known takes itself, or admin; what is explained is how to get that.
        let known = match scope {
            Scope::Known(known) => *known,
            Scope::Other(_) => Known::Admin,
        };
        let explanation = state.explain(&standing, Requirement::Scope(known));
        let satisfies = standing.role == Role::Operator && holder.scopes.satisfies(scope);
        let denied = (!satisfies).then_some(explanation);
        let grantors = denied.iter().flat_map(|denied| denied.grantors.iter());
        let grantors = grantors.filter_map(|subject| {
            let standing = state.standing_of(subject, Locality::Elsewhere).ok()?;
            Some((standing, state.name_of(subject)))
        });
        let grantors = grantors.collect();
        let (mut records, mut root) = (Vec::<Entry>::new(), None);
        for start in state.stands_on(subject, Some(scope)).into_iter().filter(|_| satisfies) {
            let lineage = lineage::walk(self, start, Some(scope))?;
            root = Some(lineage.root);
            let known: Vec<_> = records.iter().map(|entry| entry.record.seq).collect();
            let fresh = lineage.records.into_iter();
            records.extend(fresh.filter(|entry| !known.contains(&entry.record.seq)));
        }
        let of = |entry: &Entry| state.giver(entry.record.seq, &entry.record.principal);
        let givers = records.iter().map(of).collect();
        Ok(Some(Why { stamp, holder, standing, denied, grantors, records, givers, root }))
    }

    /// Everyone who satisfies a scope at a moment.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn who_can(&self, scope: &Scope, moment: Moment) -> Result<Option<Able>, HistoryError> {
        let looked = self.look(moment)?;
        Ok(looked.map(|AsOf { stamp, state }| Able { stamp, holders: state.who_can(scope) }))
    }

    /// What changed between two moments, and by which records.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn between(&self, from: Moment, to: Moment) -> Result<Option<Between>, HistoryError> {
        let [Some(before), Some(after)] =
            <[_; 2]>::try_from(self.fold(&[from, to])?).unwrap_or_else(|_| [None, None])
        else {
            return Ok(None);
        };
        let (before, after) =
            if before.stamp.seq <= after.stamp.seq { (before, after) } else { (after, before) };
        let mut changes: Vec<(Difference, VecDeque<Entry>)> =
            differences(&before.state, &after.state)
                .into_iter()
                .map(|difference| (difference, VecDeque::new()))
                .collect();
        self.reader.read_range(before.stamp.seq.0 + 1, after.stamp.seq.0 + 1, &mut |entry| {
            let Event::Registry(event) = &entry.record.event;
            if event.touches() != Touched::Nobody {
                let concerned =
                    changes.iter_mut().filter(|(change, _)| event.concerns(&change.subject));
                for (_, causes) in concerned {
                    if causes.len() == CAUSES_MAX {
                        causes.pop_front();
                    }
                    causes.push_back(entry.clone());
                }
            }
            ControlFlow::Continue(())
        })?;
        let changes = changes.into_iter().map(|(change, causes)| (change, causes.into())).collect();
        Ok(Some(Between { before: before.stamp, after: after.stamp, changes }))
    }

    /// Every past decision that would have gone otherwise under another policy, and who would hold
    /// what now. Nothing is written.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn replay(&self, policy: Policy) -> Result<Option<Replayed>, HistoryError> {
        let mut replay = Replay::under(policy);
        let (mut otherwise, mut state, mut last) = (vec![], Registry::default(), None);
        self.reader.read_range(0, self.told, &mut |entry| {
            let Record { principal, via, before, event: Event::Registry(event), .. } =
                &entry.record;
            let stamp = entry.record.stamp();
            state.apply(stamp, event);
            last = Some(stamp);
            let address = via.address.as_deref().and_then(|address| address.parse().ok());
            let locality = via.locality;
            let decided = Decided { stamp, principal, address, locality, before, event };
            if let Some(how) = replay.take(decided) {
                otherwise.push((entry, how));
            }
            ControlFlow::Continue(())
        })?;
        let differences = differences(&state, replay.state());
        Ok(last.map(|stamp| Replayed { stamp, otherwise, differences }))
    }

    /// Every record that there is to tell of.
    pub(super) fn each(
        &self,
        take: &mut dyn FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        Ok(self.reader.read_range(0, self.told, &mut |entry| take(&entry.record))?)
    }

    /// The state at a moment, without a fold where it is known.
    pub(super) fn look(&self, moment: Moment) -> Result<Option<AsOf>, HistoryError> {
        match (&self.now, moment) {
            (Some(state), Moment::Now) => {
                let newest = self.reader.read(self.told.saturating_sub(1), 1)?;
                let stamp = newest.first().map(|entry| entry.record.stamp());
                Ok(stamp.map(|stamp| AsOf { stamp, state: Registry::clone(state) }))
            }
            _ => self.as_of(moment),
        }
    }

    /// The states at some moments, by one walk; `None` for a moment before the first record, or
    /// after a record that is not there.
    fn fold(&self, moments: &[Moment]) -> Result<Vec<Option<AsOf>>, HistoryError> {
        let mut found: Vec<Option<AsOf>> = moments.iter().map(|_| None).collect();
        let mut state = Registry::default();
        let mut last: Option<Stamp> = None;
        let until = moments.iter().map(|moment| moment.end(self.told)).max().unwrap_or(0);
        self.reader.read_range(0, until, &mut |entry| {
            let stamp = entry.record.stamp();
            for (moment, found) in moments.iter().zip(&mut found) {
                if found.is_none() && moment.is_before(stamp) {
                    *found = last.map(|stamp| AsOf { stamp, state: state.clone() });
                }
            }
            if moments.iter().all(|moment| moment.is_before(stamp)) {
                return ControlFlow::Break(());
            }
            let Event::Registry(event) = &entry.record.event;
            state.apply(stamp, event);
            last = Some(stamp);
            ControlFlow::Continue(())
        })?;
        let Some(stamp) = last else { return Ok(found) };
        for (moment, found) in moments.iter().zip(&mut found) {
            if found.is_none() && moment.is_reached_by(stamp) && !moment.is_before(stamp) {
                *found = Some(AsOf { stamp, state: state.clone() });
            }
        }
        Ok(found)
    }
}

impl Moment {
    /// The place after the last record that may belong to it.
    fn end(self, told: u64) -> u64 {
        match self {
            Self::Seq(seq) => told.min(seq.saturating_add(1)),
            Self::Time(_) | Self::Now => told,
        }
    }

    /// Whether a record comes after it.
    fn is_before(self, stamp: Stamp) -> bool {
        match self {
            Self::Seq(seq) => stamp.seq.0 > seq,
            Self::Time(time) => stamp.at > time,
            Self::Now => false,
        }
    }

    /// Whether the state after the last record there is, is the one at this moment.
    fn is_reached_by(self, last: Stamp) -> bool {
        match self {
            Self::Seq(seq) => last.seq.0 == seq,
            Self::Time(_) | Self::Now => true,
        }
    }
}

impl Past for History {
    type Record = Entry;
    type Error = HistoryError;

    fn record(&self, seq: Seq) -> Result<Entry, HistoryError> {
        let missing = || StoreError(format!("record {seq} is not there"));
        Ok(self.reader.read(seq.0, 1)?.pop().ok_or_else(missing)?)
    }

    fn act(entry: &Entry) -> Act<'_> {
        let Record { seq, principal, authority, before, event: Event::Registry(event), .. } =
            &entry.record;
        Act { seq: *seq, principal, authority: *authority, before, event }
    }

    fn gained(
        &self,
        subject: &Subject,
        scope: &Scope,
        until: Seq,
    ) -> Result<Option<Seq>, HistoryError> {
        let mut gained = None;
        self.reader.read_range(0, until.0, &mut |entry| {
            let Record { seq, before, after, event: Event::Registry(event), .. } = &entry.record;
            if event.concerns(subject) && !before.satisfies(scope) && after.satisfies(scope) {
                gained = Some(*seq);
            }
            ControlFlow::Continue(())
        })?;
        Ok(gained)
    }
}
