//! Callers by a word: who asks, with what, in a table's row.

use super::{super::service_token::NewToken, *};
use crate::domain::ids::TokenId;

/// The device that holds `operator.admin` for good in every [`House::with_an_owner`].
pub(super) const OWNER: u8 = 200;

impl House {
    /// A house in which somebody holds `operator.admin` already, so that nobody else is the last.
    pub(super) fn with_an_owner() -> Self {
        let mut house = Self::new();
        house.paired(OWNER, "admin");
        house
    }

    /// The caller of a row: `host`; `secret:`, `person:`, `token:` or `device:` with what it holds;
    /// `own:` with what a session of device 1 was narrowed to; `node`, which is device 1 in that
    /// role; `applicant`, which is device 1 with nothing but its key.
    pub(super) fn caller(&mut self, word: &str) -> Standing {
        let (kind, held) = word.split_once(':').unwrap_or((word, ""));
        match kind {
            "host" => host(),
            "secret" => self.shared(held),
            "person" => self.person(held),
            "token" => self.service_token(50, held, None),
            "device" => self.paired(5, held),
            "own" => self.session(1, held),
            "node" => self.node(1),
            "applicant" => Standing::applicant(device(1), Role::Operator),
            other => panic!("nobody is called {other}"),
        }
    }

    /// A person behind a proxy who holds exactly this.
    fn person(&mut self, held: &str) -> Standing {
        let people = [("ada".to_owned(), set(held))].into_iter().collect();
        self.start(Policy { auth_mode: AuthMode::TrustedProxy, people, ..self.policy() });
        let grant = self.state.policy().unwrap().0;
        let principal = Principal::Person("ada".into());
        Standing { principal, role: Role::Operator, scopes: set(held), grant }
    }

    pub(super) fn policy(&self) -> Policy {
        self.state.policy().unwrap().1.clone()
    }

    /// Has device `n` paired as a node, by the host, and gives a session of it.
    pub(super) fn node(&mut self, n: u8) -> Standing {
        if self.state.grant(device(n), Role::Node).is_none() {
            self.give(Ask { role: Role::Node, ..ask(n, "") }, Terms::default());
        }
        let grant = self.state.grant(device(n), Role::Node).unwrap().seq;
        let principal = Principal::Device(device(n), Role::Node);
        Standing { principal, role: Role::Node, scopes: ScopeSet::empty(), grant }
    }

    /// Makes a service token through the host and gives a session of it.
    pub(super) fn service_token(
        &mut self,
        n: u8,
        held: &str,
        until: Option<UnixMillis>,
    ) -> Standing {
        self.create(&host(), NewToken { until, ..self.new_token(n, held) }).unwrap();
        let grant = self.state.service_token(token_id(n)).unwrap().seq;
        let principal = Principal::Token(token_id(n));
        Standing { principal, role: Role::Operator, scopes: set(held), grant }
    }

    pub(super) fn new_token(&self, n: u8, held: &str) -> NewToken {
        NewToken {
            id: token_id(n),
            name: format!("token {n}"),
            scopes: set(held),
            token: token(n),
            until: None,
            ranges: vec![],
            now: self.now(),
        }
    }

    pub(super) fn create(&mut self, who: &Standing, new: NewToken) -> Result<Vec<Event>, Refusal> {
        self.run(who, Operation::CreateToken, Command::CreateToken(Box::new(new)))
    }

    /// Gives device `n` more, on terms, through the host.
    pub(super) fn grant_more(&mut self, n: u8, scopes: &str, terms: Terms) {
        self.give(ask(n, scopes), terms);
    }

    /// Pairs a device that was here before.
    pub(super) fn paired_again(&mut self, n: u8, scopes: &str) -> Standing {
        self.give(ask(n, scopes), Terms::default());
        self.session(n, scopes)
    }

    /// Has a request approved by the host; each has an id of its own.
    fn give(&mut self, ask: Ask, terms: Terms) {
        let mut request_id = RequestId([0; 16]);
        request_id.0[..8].copy_from_slice(&self.seq.to_be_bytes());
        self.request(Ask { request_id, ..ask }).unwrap();
        let now = self.now();
        let command = Command::ApprovePairing { request_id, expected: None, terms, now };
        self.run(&host(), Operation::ApprovePairing, command).unwrap();
    }

    pub(super) fn for_a_while(&self) -> Terms {
        Terms { until: Some(self.now().plus(HOUR)), ..Terms::default() }
    }

    /// Lets the ends come that lie before `now`.
    pub(super) fn sweep(&mut self, now: UnixMillis) -> usize {
        let over: Vec<_> = self.state.endings().map(|(subject, ..)| subject).collect();
        let ends = over.into_iter().map(|subject| Command::EndGrant { subject, now });
        let rule = Standing::system(Rule::Expiry);
        let ended = |command| self.run(&rule, Operation::EndGrant, command).unwrap().len();
        ends.map(ended).sum()
    }

    /// What a device may do now, as an operator.
    pub(super) fn held(&self, n: u8) -> Option<ScopeSet> {
        let grant = self.state.grant(device(n), Role::Operator)?;
        Some(self.state.in_force(grant))
    }
}

pub(super) const HOUR: u64 = 60 * 60 * 1000;

pub(super) const fn token_id(n: u8) -> TokenId {
    TokenId([n; 16])
}

/// What came of it, in a word: the code of the refusal and what is missing, or how many events.
pub(super) fn told(outcome: &Result<Vec<Event>, Refusal>) -> String {
    match outcome {
        Ok(events) => format!("{}", events.len()),
        Err(refusal) => match refusal {
            Refusal::MissingScope { missing, .. }
            | Refusal::BeyondApprover { missing, .. }
            | Refusal::BeyondBaseline { missing } => format!("{} {missing}", refusal.code()),
            _ => refusal.code().to_owned(),
        },
    }
}
