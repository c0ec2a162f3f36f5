//! Adopting a list of keys that need no approval (N17 A17.2).

use super::Service;
use crate::{
    domain::{
        ids::{PublicKey, Seq},
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{
            Command,
            keys::{KeyList, ListedKey},
        },
    },
    ledger::record::Via,
};

/// What a list changes for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Which key.
    pub key: PublicKey,
    /// What it was to hold before; `None` if it was not on the list.
    pub before: Option<ListedKey>,
    /// What it is to hold now; `None` if it is off the list.
    pub after: Option<ListedKey>,
}

impl Service {
    /// What adopting `list` would change. Writes nothing.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn compare_keys(&self, who: &Standing, list: &KeyList) -> Result<Vec<KeyChange>, Refusal> {
        permit::check(who, Operation::AdoptKeys)?;
        let state = self.0.registry.peek();
        let current = state.keys().map(|(_, list)| list.keys.clone()).unwrap_or_default();
        let all = current.keys().chain(list.keys.keys().filter(|key| !current.contains_key(key)));
        let changes = all.map(|key| KeyChange {
            key: *key,
            before: current.get(key).cloned(),
            after: list.keys.get(key).cloned(),
        });
        Ok(changes.filter(|change| change.before != change.after).collect())
    }

    /// Adopts `list` as a whole. `None` if it is in force already.
    ///
    /// # Errors
    /// If `who` may not, or the list is too long.
    pub async fn adopt_keys(
        &self,
        who: &Standing,
        via: Via,
        list: KeyList,
    ) -> Result<Option<Seq>, Refusal> {
        let permit = permit::authorize(who, Operation::AdoptKeys)?;
        let committed = self.0.registry.execute(permit, Command::AdoptKeys(list), via).await?;
        Ok(committed.events.first().map(|(stamp, _)| stamp.seq))
    }
}
