//! Which grant stands on which: the walk from what someone holds back to the root of authority (N5 A5.2).
//!
//! Every record names the record that allowed it, so the walk follows those names. At its end is the
//! host, or the configuration that the gateway read when it started. Where records are kept is not
//! known here: the caller lends them through [`Past`].

use super::{
    ids::Seq,
    principal::{Principal, Rule, Subject},
    registry::{Event, Touched},
    scope::{Scope, ScopeSet},
};

/// What the walk needs of a record.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Its place.
    pub seq: Seq,
    /// Who did it.
    pub principal: &'a Principal,
    /// The record that allowed it.
    pub authority: Seq,
    /// What its subject held before.
    pub before: &'a ScopeSet,
    /// What happened.
    pub event: &'a Event,
}

/// The records, as the walk asks for them.
pub trait Past {
    /// A record as the caller keeps it.
    type Record;
    /// Why one cannot be had.
    type Error;

    /// The record at a place.
    ///
    /// # Errors
    /// If it cannot be read, or there is none.
    fn record(&self, seq: Seq) -> Result<Self::Record, Self::Error>;

    /// What a record says.
    fn act(record: &Self::Record) -> Act<'_>;

    /// The last record before `until` by which a subject came to hold a scope that it had not held.
    ///
    /// # Errors
    /// If the records cannot be read.
    fn gained(
        &self,
        subject: &Subject,
        scope: &Scope,
        until: Seq,
    ) -> Result<Option<Seq>, Self::Error>;
}

/// Where all authority comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Someone with a shell on the host.
    Host,
    /// What the gateway found in its configuration when it started.
    Configuration,
}

/// The records that something stands on, the newest first, and where they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage<R> {
    /// Each was allowed by the one after it.
    pub records: Vec<R>,
    /// What allowed the last.
    pub root: Root,
}

/// Walks from the record that gave `scope` to the root. Without a scope, by authority alone.
///
/// # Errors
/// What the past says.
pub fn walk<P: Past>(
    past: &P,
    from: Seq,
    scope: Option<&Scope>,
) -> Result<Lineage<P::Record>, P::Error> {
    let mut records = vec![];
    let mut seq = from;
    loop {
        let record = past.record(seq)?;
        let next = next(past, &P::act(&record), scope)?;
        records.push(record);
        match next {
            // What stands on nothing older is what the gateway wrote when it began.
            Ok(older) if older < seq => seq = older,
            Ok(_) => return Ok(Lineage { records, root: Root::Configuration }),
            Err(root) => return Ok(Lineage { records, root }),
        }
    }
}

fn next<P: Past>(
    past: &P,
    act: &Act<'_>,
    scope: Option<&Scope>,
) -> Result<Result<Seq, Root>, P::Error> {
    match act.principal {
        Principal::Host { .. } => Ok(Err(Root::Host)),
        Principal::System(Rule::Startup) => Ok(Err(Root::Configuration)),
        Principal::System(Rule::SetupCode) => {
            // A code adds to what its redeemer held and need not hold that itself.
            let earlier = match scope.filter(|scope| act.before.satisfies(scope)) {
                Some(scope) => held_beside_a_code(past, act, scope)?,
                None => None,
            };
            Ok(Ok(earlier.unwrap_or(act.authority)))
        }
        _ => Ok(Ok(act.authority)),
    }
}

/// The record that gave a redeemer what its code does not give.
fn held_beside_a_code<P: Past>(
    past: &P,
    act: &Act<'_>,
    scope: &Scope,
) -> Result<Option<Seq>, P::Error> {
    let code = past.record(act.authority)?;
    let by_the_code = matches!(
        P::act(&code).event,
        Event::CodeCreated { scopes, .. } if scopes.satisfies(scope)
    );
    match act.event.touches() {
        Touched::One(subject) if !by_the_code => past.gained(&subject, scope, act.seq),
        _ => Ok(None),
    }
}
