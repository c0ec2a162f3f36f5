//! A new ledger from the published records of a damaged one, for whoever has the files in hand.

use std::path::Path;

use super::proofs::published_in;
use crate::{
    domain::principal::Principal,
    ledger::{
        error::{OpenError, unread_key},
        recover::OpenOptions,
        restore::{self, Plan},
    },
    support::keys::GatewayKey,
};

pub use crate::ledger::{
    restore::{RestoreError, Restored},
    tlog::survey::{Survey, SurveyError},
};

/// A damaged ledger, and what can be made of it. Nothing is changed yet.
pub struct Recovery {
    plan: Plan,
    key: GatewayKey,
}

/// Looks at the ledger in a state directory. `checkpoint` is a file with another signed checkpoint,
/// for one that was kept elsewhere.
///
/// # Errors
/// If there is nothing to do, or nothing can be done.
pub fn recovery(state_dir: &Path, checkpoint: Option<&Path>) -> Result<Recovery, RestoreError> {
    let key_file = state_dir.join("gateway.key");
    let key = GatewayKey::load(&key_file)
        .map_err(|error| OpenError::Io { path: key_file, source: unread_key(error) })?;
    let read = |path: &Path| {
        let at_path = |source| RestoreError::Io { path: path.to_owned(), source };
        std::fs::read_to_string(path).map_err(at_path)
    };
    let given = checkpoint.map(read).transpose()?;
    let options = OpenOptions {
        dir: state_dir.join("ledger"),
        outside_checkpoint: state_dir.join("checkpoint"),
    };
    let plan = restore::plan(options, &published_in(state_dir), given, &key)?;
    Ok(Recovery { plan, key })
}

impl Recovery {
    /// What is wrong with the ledger.
    pub fn damage(&self) -> &str {
        &self.plan.damage
    }

    /// What can be restored.
    pub fn survey(&self) -> &Survey {
        &self.plan.survey
    }

    /// Does it, and keeps the damaged store. The order is recorded as that of this process's user.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn perform(self) -> Result<Restored, RestoreError> {
        let who = Principal::Host { uid: rustix::process::geteuid().as_raw() };
        self.plan.perform(who, &self.key)
    }
}
