//! What is held for review because records are lost: listing it, and letting it be in force again.

use std::sync::Arc;

use super::Service;
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::{Standing, Subject},
        refusal::Refusal,
        registry::{
            Command, Event, Registry,
            hold::{Hold, Item, Release},
        },
        scope::ScopeSet,
        time::UnixMillis,
    },
    ledger::record::Via,
};

/// What is held.
pub struct Held {
    state: Arc<Registry>,
    /// The time now.
    pub now: UnixMillis,
}

/// Something that is held.
#[derive(Debug, Clone)]
pub struct HeldItem {
    /// What.
    pub item: Item,
    /// Why.
    pub hold: Hold,
    /// Whose authority, and what that is called; the rules are nobody's.
    pub subject: Option<(Subject, Option<String>)>,
    /// What will be in force once it is released.
    pub scopes: Option<ScopeSet>,
}

impl Held {
    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = HeldItem> + '_ {
        self.state.all_held().map(|(item, hold)| told(&self.state, item, hold))
    }
}

fn told(state: &Registry, item: Item, hold: Hold) -> HeldItem {
    let scopes = match item {
        Item::Device(id, role) => state.grant(id, role).map(|grant| state.in_force(grant)),
        Item::Token(id) => state.service_token(id).map(|token| state.in_force_of(token)),
        Item::Rules => None,
    };
    let subject = item.subject().map(|subject| {
        let name = state.name_of(&subject);
        (subject, name)
    });
    HeldItem { item, hold, subject, scopes }
}

impl Service {
    /// Lists what is held for review.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn held(&self, who: &Standing) -> Result<Held, Refusal> {
        permit::check(who, Operation::ListHeld)?;
        let now = UnixMillis(self.0.steady.unix_millis());
        Ok(Held { state: self.0.registry.state(), now })
    }

    /// Lets it be in force again. Gives what was released, as it was held.
    ///
    /// # Errors
    /// If `who` may not, or it is not there.
    pub async fn release(
        &self,
        who: &Standing,
        via: Via,
        what: Release,
    ) -> Result<Vec<HeldItem>, Refusal> {
        let permit = permit::authorize(who, Operation::ReleaseHeld)?;
        let before = self.0.registry.state();
        let command = Command::ReleaseHeld { what };
        let committed = self.0.registry.execute(permit, command, via).await?;
        let released = committed.events.into_iter().filter_map(|(_, event)| match event {
            Event::ReviewEnded { item } => before.hold_on(item).map(|hold| (item, hold)),
            _ => None,
        });
        Ok(released.map(|(item, hold)| told(&before, item, hold)).collect())
    }
}
