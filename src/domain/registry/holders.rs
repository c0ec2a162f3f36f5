//! Who holds what, one row for everyone; who could do something; and what changed between two states.

use std::collections::BTreeMap;

use super::{Registry, hold::Item};
use crate::domain::{
    ids::Seq,
    origin::Locality,
    principal::{Principal, Subject},
    scope::{Role, Scope, ScopeSet},
    time::UnixMillis,
};

/// The name under which people are listed whom the policy lets in without naming them.
pub const ANYONE: &str = "*";

/// What someone holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Whose authority.
    pub subject: Subject,
    /// From where; a shared secret is worth more on this machine.
    pub locality: Locality,
    /// What it is called, if it has a name.
    pub name: Option<String>,
    /// What it holds now, ceilings applied.
    pub scopes: ScopeSet,
    /// The record that granted it.
    pub grant: Seq,
    /// When that ends, if it does.
    pub ends: Option<UnixMillis>,
    /// The role of the policy that lies on it as a ceiling.
    pub ceiling: Option<String>,
    /// The record since which it is held for review: it is there, and lets nobody in.
    pub review: Option<Seq>,
}

/// What someone gained and lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Who.
    pub subject: Subject,
    /// From where.
    pub locality: Locality,
    /// What it is called, by the later state if it is in that one.
    pub name: Option<String>,
    /// What it held; `None` if it was not there.
    pub before: Option<ScopeSet>,
    /// What it holds; `None` if it is not there any more.
    pub after: Option<ScopeSet>,
}

impl Registry {
    /// Everyone who holds anything: devices by id, service tokens, then who comes by the policy.
    pub fn holders(&self) -> Vec<Holder> {
        use Locality::{DirectLoopback, Elsewhere};
        let devices = self.devices().flat_map(|(id, device)| {
            device.grants.keys().map(move |role| (Subject::Device(id, *role), Elsewhere))
        });
        let tokens = self.service_tokens().map(|(id, _)| (Subject::Token(id), Elsewhere));
        let by_policy = self.policy().into_iter().flat_map(|(_, policy)| {
            let people = policy.people.keys().map(String::as_str);
            let people = people.chain(policy.others.as_ref().map(|_| ANYONE));
            let people = people.map(|name| (Subject::Person(name.to_owned()), Elsewhere));
            [Subject::SharedSecret, Subject::Open]
                .into_iter()
                .flat_map(|subject| [(subject.clone(), Elsewhere), (subject, DirectLoopback)])
                .chain(people)
        });
        let all = devices.chain(tokens).chain(by_policy);
        all.filter_map(|(subject, locality)| self.holder(&subject, locality)).collect()
    }

    /// What one subject holds; `None` if it is not there.
    pub fn holder(&self, subject: &Subject, locality: Locality) -> Option<Holder> {
        let review = Item::of(subject).and_then(|item| self.hold_on(item)).map(|hold| hold.seq);
        let (scopes, grant) = match (self.held(subject, locality), review) {
            (Some(held), _) => (held.scopes, held.grant),
            // It is there, and in force for nobody.
            (None, Some(_)) => (ScopeSet::empty(), self.stands_on(subject, None).first().copied()?),
            (None, None) => return None,
        };
        Some(Holder {
            locality,
            name: self.name_of(subject),
            scopes,
            grant,
            review,
            ends: self.ends_at(subject),
            ceiling: self.ceiling_of(subject),
            subject: subject.clone(),
        })
    }

    /// Everyone who satisfies a scope now, as an operator. Besides them the host always does.
    pub fn who_can(&self, scope: &Scope) -> Vec<Holder> {
        let mut holders = self.holders();
        holders.retain(|holder| {
            let is_node = matches!(holder.subject, Subject::Device(_, Role::Node));
            !is_node && holder.scopes.satisfies(scope)
        });
        holders
    }

    /// The records that a subject's hold of a scope stands on, most telling first: where it was given
    /// for good and something else on top of it for a while, that is the one for good.
    pub fn stands_on(&self, subject: &Subject, scope: Option<&Scope>) -> Vec<Seq> {
        let policy = self.policy().map(|(seq, _)| seq);
        match subject {
            Subject::Device(id, role) => {
                let Some(grant) = self.grant(*id, *role) else { return vec![] };
                let lasting = grant.lasting().filter(|lasting| {
                    let left = self.capped(&lasting.scopes, lasting.ceiling.as_deref());
                    scope.is_none_or(|scope| left.satisfies(scope))
                });
                vec![lasting.map_or(grant.seq, |lasting| lasting.seq)]
            }
            Subject::Token(id) => {
                self.service_token(*id).map(|token| token.seq).into_iter().collect()
            }
            Subject::SharedSecret => {
                self.secret().map(|secret| secret.seq).into_iter().chain(policy).collect()
            }
            Subject::Open | Subject::Person(_) => policy.into_iter().collect(),
        }
    }

    fn ceiling_of(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Device(id, role) => self.grant(*id, *role)?.ceiling.clone(),
            Subject::Token(id) => self.service_token(*id)?.ceiling.clone(),
            _ => None,
        }
    }
}

/// What has become of whoever made a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Giver {
    /// The record.
    pub seq: Seq,
    /// What they are called, if they are there and have a name.
    pub name: Option<String>,
    /// Whether what they made it with has ended since. What they gave stands nevertheless.
    pub ended: bool,
}

impl Registry {
    /// What has become of whoever made the record `seq`. A grant that ended and was given anew has
    /// ended: whoever has it now need not be who had it then.
    pub fn giver(&self, seq: Seq, principal: &Principal) -> Giver {
        let subject = principal.subject();
        let ended = match &subject {
            Some(Subject::Device(id, role)) => {
                self.grant(*id, *role).is_none_or(|grant| grant.line > seq)
            }
            Some(Subject::Token(id)) => self.service_token(*id).is_none(),
            _ => false,
        };
        Giver { seq, name: subject.and_then(|subject| self.name_of(&subject)), ended }
    }
}

/// Whose authority differs between two states, and how.
pub fn differences(before: &Registry, after: &Registry) -> Vec<Difference> {
    let rows = |state: &Registry| -> BTreeMap<_, _> {
        let holders = state.holders().into_iter();
        holders.map(|holder| ((holder.subject.clone(), holder.locality), holder)).collect()
    };
    let (mut old, new) = (rows(before), rows(after));
    let mut found = vec![];
    for ((subject, locality), holder) in new {
        let was = old.remove(&(subject.clone(), locality));
        if was.as_ref().is_none_or(|was| was.scopes != holder.scopes) {
            let (before, after) = (was.map(|was| was.scopes), Some(holder.scopes));
            found.push(Difference { subject, locality, name: holder.name, before, after });
        }
    }
    for ((subject, locality), was) in old {
        let (before, after) = (Some(was.scopes), None);
        found.push(Difference { subject, locality, name: was.name, before, after });
    }
    found.sort_by(|a, b| (&a.subject, a.locality).cmp(&(&b.subject, b.locality)));
    found
}
