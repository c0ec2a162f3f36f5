//! Whom someone means: among those that there are, and else among those that there ever were.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::history::{AsOf, History, HistoryError, Moment};
use crate::domain::{
    Event,
    ids::{DeviceId, TokenId},
    principal::Subject,
    registry::{
        self,
        called::{Among, Unclear, choose},
    },
    scope::Role,
};

/// Whom someone means, and what it is called now.
pub type Resolved = Result<(Subject, Option<String>), Unclear>;

/// What everyone who ever held anything was called.
#[derive(Default)]
struct Ever {
    devices: BTreeMap<DeviceId, (Role, Vec<String>)>,
    tokens: BTreeMap<TokenId, String>,
}

impl History {
    /// Whom someone means by an id, the beginning of one, or a name.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn resolve(&self, who: &str, among: Among) -> Result<Option<Resolved>, HistoryError> {
        let Some(AsOf { state, .. }) = self.look(Moment::Now)? else { return Ok(None) };
        Ok(Some(match state.called(who, among) {
            Ok(subject) => Ok((subject.clone(), state.name_of(&subject))),
            Err(Unclear::Nobody) if among == Among::Everyone => {
                self.ever()?.called(who).map(|subject| (subject, None))
            }
            Err(unclear) => Err(unclear),
        }))
    }

    fn ever(&self) -> Result<Ever, HistoryError> {
        let mut ever = Ever::default();
        self.each(&mut |record| {
            let Event::Registry(event) = &record.event;
            ever.note(event);
            ControlFlow::Continue(())
        })?;
        Ok(ever)
    }
}

impl Ever {
    fn note(&mut self, event: &registry::Event) {
        use registry::Event as E;
        let (device, name) = match event {
            E::PairingApproved(approval) => {
                self.devices.entry(approval.device).or_insert((approval.role, vec![])).0 =
                    approval.role;
                (approval.device, approval.profile.display_name.clone())
            }
            E::DeviceDescribed { device, profile } => (*device, profile.display_name.clone()),
            E::DeviceRenamed { device, label } => (*device, Some(label.clone())),
            E::ServiceTokenCreated { id, name, .. } => {
                self.tokens.insert(*id, name.clone());
                return;
            }
            _ => return,
        };
        if let Some((_, names)) = self.devices.get_mut(&device) {
            names.extend(name);
        }
    }

    fn called(&self, who: &str) -> Result<Subject, Unclear> {
        let devices = self.devices.iter().map(|(id, known)| (*id, known));
        let device = choose(devices, who, |(_, names)| names.iter().map(String::as_str));
        let tokens = self.tokens.iter().map(|(id, name)| (*id, name));
        match device {
            Ok(id) => {
                let role = self.devices.get(&id).map_or(Role::Operator, |(role, _)| *role);
                Ok(Subject::Device(id, role))
            }
            Err(no) => choose(tokens, who, |name| [name.as_str()].into_iter())
                .map(Subject::Token)
                .map_err(|_| no),
        }
    }
}
