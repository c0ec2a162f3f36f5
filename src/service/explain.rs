//! Why someone may do something, or not.

use super::Service;
use crate::domain::{
    operation::{Operation, Requirement},
    origin::Locality,
    permit,
    principal::{Standing, Subject},
    published,
    refusal::Refusal,
    registry::explain::Explanation,
};

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A method of the protocol, served or not.
    Method(String),
    /// An operation, by its name.
    Operation(String),
}

/// Who is asked about, and where from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Whose authority.
    pub subject: Subject,
    /// From where; a shared secret is worth more on this machine.
    pub locality: Locality,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Whether this gateway serves it.
    pub served: bool,
    /// What the asker stands on.
    pub standing: Standing,
    /// What the asker is called.
    pub name: Option<String>,
    /// Whether it may, and why.
    pub explanation: Explanation,
    /// Who could grant what is missing now, and what they are called.
    pub grantors: Vec<(Standing, Option<String>)>,
}

impl Service {
    /// Whether `who`, or someone else, may do something now, and why.
    ///
    /// # Errors
    /// If there is no such thing or asker, or `who` may not know about others.
    pub fn explain(
        &self,
        who: &Standing,
        action: &Action,
        other: Option<Asker>,
    ) -> Result<Explained, Refusal> {
        let other = other.filter(|asker| who.principal.subject().as_ref() != Some(&asker.subject));
        if other.is_some() {
            permit::check(who, Operation::Explain)?;
        }
        let (served, requirement) = self.requirement(action)?;
        let state = self.0.registry.peek();
        let standing = match &other {
            Some(Asker { subject, locality }) => state.standing_of(subject, *locality)?,
            None => who.clone(),
        };
        let explanation = state.explain(&standing, requirement);
        let grantors = explanation.grantors.iter().filter_map(|subject| {
            let standing = state.standing_of(subject, Locality::Elsewhere).ok()?;
            Some((standing, state.name_of(subject)))
        });
        let grantors = grantors.collect();
        let subject = standing.principal.subject();
        let name = subject.as_ref().and_then(|subject| state.name_of(subject));
        Ok(Explained { served, standing, name, explanation, grantors })
    }

    /// What an action takes: of what is served, what is enforced; of the rest, what the protocol
    /// declares.
    fn requirement(&self, action: &Action) -> Result<(bool, Requirement), Refusal> {
        let (operation, declared) = match action {
            Action::Method(name) => ((self.0.info.operation_of)(name), published::declared(name)),
            Action::Operation(name) => {
                (Operation::ALL.iter().find(|known| known.name() == name).copied(), None)
            }
        };
        match (operation, declared) {
            (Some(operation), _) => Ok((true, operation.requirement())),
            (None, Some(declared)) => Ok((false, declared)),
            (None, None) => Err(Refusal::UnknownMethod),
        }
    }
}
