//! A look at everyone after each step: who is still there, what they were told, and what they may do.

use std::time::Duration;

use doorward::{
    domain::{
        principal::Standing,
        registry::invariants,
        scope::{Role, ScopeSet},
    },
    fronts::cli::client::{Closed, RpcError, Session},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    crowd::{Client, Crowd, Ground, PATIENCE, scopes_of, set},
    step::{Change, DEVICES, Step},
};
use crate::model::claim::{Bits, bits};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(10);
/// What is tried on every session, and what it takes. None of it changes anything.
const TRIED: [(&str, &str); 3] = [
    ("status", "operator.read"),
    ("device.pair.list", "operator.pairing"),
    ("device.pair.setupStatus", "operator.admin"),
];

impl Crowd {
    /// What a ground gives by the published state, counted by hand; `None` if there is nothing.
    pub(super) fn expected(&self, ground: Ground, asked: &ScopeSet) -> Option<Bits> {
        let state = self.gateway.registry.state();
        let most = |ceiling: &Option<String>| match ceiling.as_deref() {
            None => Bits::MAX,
            Some("reader") => bits(&set(&["operator.read"])),
            Some(_) => bits(&set(&["operator.read", "operator.pairing"])),
        };
        let held = match ground {
            Ground::Device(n, role) => {
                let grant = state.grant(self.id(n), role)?;
                bits(&grant.scopes) & most(&grant.ceiling)
            }
            Ground::Token(nth) => {
                let token = state.service_token(self.tokens[nth].id?)?;
                bits(&token.scopes) & most(&token.ceiling)
            }
            Ground::Shared => bits(&set(&["operator.read", "operator.pairing"])),
        };
        Some(if asked.is_empty() { held } else { held & bits(asked) })
    }

    /// Looks at everyone, and at what is published.
    pub async fn settle(&mut self, step: &Step) {
        let state = self.gateway.registry.state();
        assert_eq!(invariants::check(&state), Ok(()), "after {step:?}");
        for client in std::mem::take(&mut self.clients) {
            self.tally.looked_at += 1;
            let what =
                format!("after {step:?}: {:?}, which asked for {}", client.ground, client.asked);
            // A token that was replaced while its client came in may be the one that it has.
            let unsure = matches!(step, Step::Meanwhile(_, _, Change::Rotate(..)));
            match self.look_at(client, &what).await {
                Some(client) => {
                    let since = client.since.or((!unsure).then_some(self.lost(client.ground)));
                    self.clients.push(Client { since, ..client });
                }
                None => self.tally.ended += 1,
            }
        }
        self.count_connections(step).await;
    }

    /// Gives it back if it is as it should be, and goes on.
    async fn look_at(&mut self, mut client: Client, what: &str) -> Option<Client> {
        let ended = client.since.is_some_and(|since| since != self.lost(client.ground));
        if (ended || client.replaced) && self.tally.looked_at.is_multiple_of(2) {
            // It says nothing, and is closed all the same.
            let closed = timeout(SOON, closed(&mut client.session)).await;
            let closed = closed.unwrap_or_else(|_| panic!("{what} stays open"));
            assert_eq!(closed.code, 4001, "{what}: {closed:?}");
            return None;
        }
        loop {
            match client.session.request("doorward.whoami", json!({})).await {
                Ok(whoami) => {
                    assert!(!ended, "{what} lives on: {whoami}");
                    let told = bits(&scopes_of(&whoami["scopes"]));
                    let expected = self.expected(client.ground, &client.asked);
                    assert_eq!(Some(told), expected, "{what}: {whoami}");
                    self.is_on_record(&client, &whoami, what);
                    if client.told.is_some_and(|before| before != told) {
                        let heard = timeout(SOON, hears(&mut client.session, told)).await;
                        assert!(heard.is_ok(), "{what} was not told of {}", whoami["scopes"]);
                        self.tally.rescoped += 1;
                    }
                    // What ends with a replaced token stands on its grant until it is told.
                    if self.tries(&mut client, told, what).await && !client.replaced {
                        return Some(client);
                    }
                }
                Err(RpcError::Closed(closed)) => {
                    let may = ended || client.replaced || client.since.is_none();
                    assert!(may, "{what} was closed: {closed:?}");
                    // 1006 if it was closed before it could ask.
                    assert!([4001, 1006].contains(&closed.code), "{what}: {closed:?}");
                    return None;
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }

    /// The record that a session says it stands on is the one that grants.
    fn is_on_record(&self, client: &Client, whoami: &Value, what: &str) {
        let state = self.gateway.registry.state();
        let seq = match client.ground {
            Ground::Device(n, role) => state.grant(self.id(n), role).map(|grant| grant.seq),
            Ground::Token(nth) => {
                let id = self.tokens[nth].id;
                id.and_then(|id| state.service_token(id)).map(|token| token.seq)
            }
            Ground::Shared => state.secret().map(|secret| secret.seq),
        };
        assert_eq!(whoami["grantSeq"].as_u64(), seq.map(|seq| seq.0), "{what}: {whoami}");
    }

    /// What a session was told that it may use is what its calls are measured by. Gives whether it is
    /// still there.
    async fn tries(&mut self, client: &mut Client, told: Bits, what: &str) -> bool {
        let operator = !matches!(client.ground, Ground::Device(_, Role::Node));
        let news = client.trials == 0 || client.told != Some(told);
        client.told = Some(told);
        client.trials += u32::from(news);
        for (method, scope) in TRIED {
            let params = if method.ends_with("Status") {
                json!({"setupId": "00000000-0000-0000-0000-000000000000"})
            } else {
                json!({})
            };
            let denies = !operator || bits(&set(&[scope])) & !told != 0;
            if denies && (!news || client.trials > PATIENCE) {
                continue;
            }
            let outcome = client.session.request(method, params).await;
            if let Err(RpcError::Closed(_)) = outcome {
                return false;
            }
            let denied = outcome.as_ref().err().and_then(RpcError::refusal);
            let denied = denied.and_then(|refusal| refusal.details_code().map(str::to_owned));
            let denied = denied.is_some_and(|code| code == "MISSING_SCOPE" || !operator);
            assert_eq!(denied, denies, "{what}: {method}: {outcome:?}");
            self.tally.denied += u32::from(denied);
        }
        true
    }

    /// The gateway has nobody on its list of connections who is not here, and everyone who is.
    async fn count_connections(&self, step: &Step) {
        let pairings = self.gateway.service.pairings(&Standing::host(0)).unwrap();
        let here = |n: u8| {
            let its = |client: &Client| matches!(client.ground, Ground::Device(of, _) if of == n);
            self.clients.iter().any(its)
        };
        let agrees = async {
            while !(0..DEVICES).all(|n| pairings.connected(self.id(n)) == here(n)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let agreed = timeout(SOON, agrees).await;
        assert!(
            agreed.is_ok(),
            "after {step:?}: the gateway counts other devices than are connected"
        );
    }
}

/// How a session ends that says nothing.
async fn closed(session: &mut Session) -> Closed {
    loop {
        if let Err(closed) = session.next_frame().await {
            return closed;
        }
    }
}

/// Returns once the client has been told of these scopes, or is closed.
async fn hears(session: &mut Session, scopes: Bits) {
    while let Ok(event) = session.event("doorward.session.changed").await {
        if bits(&scopes_of(&event["payload"]["scopes"])) == scopes {
            return;
        }
    }
}
