//! Why someone may do something, or not (N6 A6.2): what it takes, what the asker holds and by which
//! record, what a ceiling holds back, and who could change it now.

use super::{Registry, hold::Item, state::Device};
use crate::domain::{
    operation::Requirement,
    origin::Locality,
    permit::{Reach, meets},
    principal::{Principal, Standing, Subject},
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What it takes.
    pub requirement: Requirement,
    /// The role of the policy that lies on the asker as a ceiling.
    pub ceiling: Option<String>,
    /// What that holds back.
    pub held_back: ScopeSet,
    /// On whom the asker may do it; or why not.
    pub verdict: Result<Reach, Refusal>,
    /// Who could grant what is missing now, besides the host.
    pub grantors: Vec<Subject>,
    /// Why, in one line.
    pub why: String,
    /// What to run or to do, if something is missing.
    pub remedy: Option<String>,
}

impl Registry {
    /// Whether `standing` may do what takes `requirement`, and why.
    pub fn explain(&self, standing: &Standing, requirement: Requirement) -> Explanation {
        let (ceiling, held_back) = self.ceiling_on(standing.principal.subject().as_ref());
        let verdict = meets(standing, requirement);
        let mut explanation = Explanation {
            requirement,
            ceiling,
            held_back,
            verdict,
            grantors: Vec::new(),
            why: String::new(),
            remedy: None,
        };
        explanation.why = explanation.why_of(standing);
        if let Err(refusal) = explanation.verdict.clone() {
            explanation.grantors = self.grantors_of(&refusal, &explanation, standing);
            explanation.remedy = Some(self.remedy_of(&refusal, &explanation, standing));
        }
        explanation
    }

    /// What a client with all that a subject holds would stand on.
    ///
    /// # Errors
    /// If the subject holds nothing.
    pub fn standing_of(&self, subject: &Subject, locality: Locality) -> Result<Standing, Refusal> {
        let (principal, role) = match subject {
            Subject::Device(id, role) => {
                self.find_grant(*id, *role)?;
                (Principal::Device(*id, *role), *role)
            }
            Subject::Token(id) => {
                self.service_token(*id).ok_or(Refusal::UnknownToken)?;
                (Principal::Token(*id), Role::Operator)
            }
            Subject::SharedSecret => {
                let secret = self.secret().ok_or(Refusal::GrantEnded)?;
                (Principal::SharedSecret(secret.kind), Role::Operator)
            }
            Subject::Open => (Principal::Open, Role::Operator),
            Subject::Person(name) => (Principal::Person(name.clone()), Role::Operator),
        };
        Item::of(subject).map_or(Ok(()), |item| self.not_under_review(item))?;
        let held = self.held(subject, locality).ok_or(Refusal::GrantEnded)?;
        Ok(Standing { principal, role, scopes: held.scopes, grant: held.grant })
    }

    /// What people call a subject, if it has a name.
    pub fn name_of(&self, subject: &Subject) -> Option<String> {
        let of_device =
            |device: &Device| device.label.clone().or_else(|| device.profile.display_name.clone());
        match subject {
            Subject::Device(id, _) => self.device(*id).and_then(of_device),
            Subject::Token(id) => self.service_token(*id).map(|token| token.name.clone()),
            Subject::Person(name) => Some(name.clone()),
            Subject::SharedSecret | Subject::Open => None,
        }
    }

    /// The ceiling on a subject, and what it holds back.
    fn ceiling_on(&self, subject: Option<&Subject>) -> (Option<String>, ScopeSet) {
        let (scopes, ceiling) = match subject {
            Some(Subject::Device(id, role)) => {
                let grant = self.grant(*id, *role);
                grant.map(|grant| (&grant.scopes, &grant.ceiling)).unzip()
            }
            Some(Subject::Token(id)) => {
                let token = self.service_token(*id);
                token.map(|token| (&token.scopes, &token.ceiling)).unzip()
            }
            _ => (None, None),
        };
        let ceiling = ceiling.cloned().flatten();
        let held_back = scopes.and_then(|scopes| self.held_back(scopes, ceiling.as_deref()));
        (ceiling, held_back.unwrap_or_default())
    }

    /// Where only the configuration could change it, nobody who is paired could.
    fn grantors_of(
        &self,
        refusal: &Refusal,
        explanation: &Explanation,
        standing: &Standing,
    ) -> Vec<Subject> {
        let configured = matches!(
            standing.principal.subject(),
            Some(Subject::SharedSecret | Subject::Open | Subject::Person(_))
        );
        match refusal {
            _ if configured => Vec::new(),
            Refusal::MissingScope { required, .. } if explanation.is_held_back(required) => {
                self.grantors(&required.union(&ScopeSet::from_iter([Known::Admin])))
            }
            Refusal::MissingScope { required, .. } => self.grantors(required),
            // Another role takes someone with admin to approve it, unless it is an operator's.
            Refusal::WrongRole { role: Role::Operator } => {
                self.grantors(&ScopeSet::from_iter([Known::Admin]))
            }
            Refusal::WrongRole { role: Role::Node } => {
                self.grantors(&explanation.requirement.scopes())
            }
            _ => Vec::new(),
        }
    }

    fn remedy_of(
        &self,
        refusal: &Refusal,
        explanation: &Explanation,
        standing: &Standing,
    ) -> String {
        let Refusal::MissingScope { missing, required } = refusal else { return refusal.remedy() };
        match (&explanation.ceiling, standing.principal.subject()) {
            (Some(role), _) if explanation.is_held_back(required) => {
                format!("let doorward.roles.{role} hold {missing}, or take the role off")
            }
            (_, Some(subject @ Subject::Token(_))) => {
                let name = self.name_of(&subject).unwrap_or_default();
                format!("doorward tokens create --name {name}-2 --scope {missing}")
            }
            (_, Some(Subject::SharedSecret | Subject::Open)) => {
                format!("pair a device, or add {missing} to gateway.auth.sharedSecret.scopes")
            }
            (_, Some(Subject::Person(name))) => {
                format!("add {missing} for {name} to gateway.auth.trustedProxy.identityScopes")
            }
            _ => refusal.remedy(),
        }
    }
}

impl Explanation {
    /// Whether it is the ceiling that stands in the way.
    fn is_held_back(&self, required: &ScopeSet) -> bool {
        self.ceiling.is_some() && self.held_back.covers(required)
    }

    fn why_of(&self, standing: &Standing) -> String {
        if standing.principal.is_root() {
            return "the host may do everything (record 0)".into();
        }
        let Standing { scopes, grant, role, .. } = standing;
        let holds = format!("holds {scopes} as {} (record {grant})", role.name());
        let under = self.ceiling.as_ref().map_or_else(String::new, |name| {
            format!(", under role {name}, which holds back {}", self.held_back)
        });
        let required = self.requirement.scopes();
        let verdict = match (&self.verdict, self.requirement) {
            (Ok(_), Requirement::Dynamic) => {
                "operator.admin is enough, whatever the call says".into()
            }
            (Ok(Reach::Own(_)), Requirement::ScopeOrOwn(_)) => {
                format!("without {required}, on itself alone")
            }
            (Ok(_), Requirement::DeviceKey) => "a device key is enough".into(),
            (Ok(_), Requirement::Node) => "a node may".into(),
            (Ok(_), Requirement::ScopeOrNode(_)) if *role == Role::Node => "a node may".into(),
            (Ok(_), _) => format!("that satisfies {required}"),
            (Err(_), Requirement::Dynamic) => {
                "what it takes depends on the call; only operator.admin is always enough".into()
            }
            (Err(Refusal::MissingScope { missing, .. }), _) => format!("it takes {missing}"),
            (Err(refusal), _) => format!("it takes {}", refusal.missing()),
        };
        format!("{holds}{under}; {verdict}")
    }
}
