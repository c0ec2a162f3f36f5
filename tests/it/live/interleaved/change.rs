//! What changes who may do what, by the host and by those who are connected, and what of it goes into
//! the account.

use doorward::{
    domain::{
        operation::Operation,
        permit,
        principal::{Rule, Standing, Subject},
        registry::{Command, Event, Terms},
        scope::Role,
        time::UnixMillis,
    },
    fronts::cli::client::RpcError,
    ledger::record::Via,
    service::TokenOrder,
    support::{clock, secret::Secret},
};
use serde_json::{Value, json};

use super::{
    crowd::{Crowd, Ground, PATIENCE, secret_named, set},
    step::{Change, DEVICES},
};

const HOUR_MS: u64 = 60 * 60 * 1000;

impl Crowd {
    /// The host does something, which the rules may forbid.
    pub(super) async fn change(&mut self, change: Change) {
        let (host, via) = (Standing::host(0), Via::internal());
        let service = self.gateway.service.clone();
        let force = || Some(String::from("so the story goes"));
        match change {
            Change::Approve { nth, for_a_while, under_a_role } => {
                let Some(request) = self.nth_request(nth) else { return };
                let until = for_a_while.then(|| UnixMillis(clock::unix_millis() + HOUR_MS));
                let ceiling = under_a_role.then(|| "reader".to_owned());
                let terms = Terms { until, ceiling, ephemeral: false };
                let done = service.approve(&host, via, request, None, terms).await;
                self.tally.changed += u32::from(done.is_ok());
            }
            Change::Reject { nth } => {
                let Some(request) = self.nth_request(nth) else { return };
                let _ = service.reject(&host, via, request).await;
            }
            Change::Rotate(n, scopes) => {
                let (device, scopes) = (self.id(n), scopes.map(set));
                let rotate = service.rotate_token(&host, via, device, Role::Operator, scopes);
                if rotate.await.is_ok() {
                    self.replaced(n, None);
                }
            }
            Change::Revoke(n, role) => {
                let revoke = service.revoke_token(&host, via, self.id(n), role, force());
                if let Ok(Some(_)) = revoke.await {
                    self.lose(Ground::Device(n, role));
                }
            }
            Change::Remove(n) => {
                if service.remove_device(&host, via, self.id(n), force()).await.is_ok() {
                    self.removed(n);
                }
            }
            Change::Assign(n, role) => {
                let nth = usize::from(n).checked_sub(usize::from(DEVICES));
                let subject = match nth {
                    None => Subject::Device(self.id(n), Role::Operator),
                    Some(nth) => match self.tokens[nth].id {
                        Some(id) => Subject::Token(id),
                        None => return,
                    },
                };
                let role = role.map(str::to_owned);
                let done = service.assign_ceiling(&host, via, subject, role).await;
                self.tally.changed += u32::from(done.is_ok());
            }
            Change::End(n) => self.end(n).await,
            Change::Secret => {
                let secret = secret_named(self.secrets + 1);
                let given = Some(Secret::new(secret.clone()));
                service.rotate_secret(&host, via, given).await.unwrap();
                (self.secret, self.secrets) = (secret, self.secrets + 1);
                self.lose(Ground::Shared);
            }
            Change::Clear { pending } => self.clear(pending).await,
            Change::Token { .. } | Change::RotateToken { .. } | Change::RevokeToken { .. } => {
                self.change_token(change).await;
            }
        }
    }

    fn removed(&mut self, n: u8) {
        self.lose(Ground::Device(n, Role::Operator));
        self.lose(Ground::Device(n, Role::Node));
    }

    async fn clear(&mut self, pending: bool) {
        let (host, service) = (Standing::host(0), self.gateway.service.clone());
        if pending {
            while let Some(request) = self.nth_request(0) {
                service.reject(&host, Via::internal(), request).await.unwrap();
            }
            return;
        }
        for n in 0..DEVICES {
            let force = Some("cleared".into());
            if service.remove_device(&host, Via::internal(), self.id(n), force).await.is_ok() {
                self.removed(n);
            }
        }
    }

    /// What a device holds until some time has come to its end, as the sweeper finds.
    async fn end(&mut self, n: u8) {
        let subject = Subject::Device(self.id(n), Role::Operator);
        let Some(now) = self.gateway.registry.state().ends_at(&subject) else { return };
        let expiry = Standing::system(Rule::Expiry);
        let permit = permit::authorize(&expiry, Operation::EndGrant).unwrap();
        let command = Command::EndGrant { subject, now };
        let ended = self.gateway.registry.execute(permit, command, Via::internal()).await.unwrap();
        for (_, event) in ended.events {
            match event {
                Event::GrantExpired { scopes: None, .. } => {
                    self.lose(Ground::Device(n, Role::Operator));
                }
                _ => self.tally.changed += 1,
            }
        }
    }

    async fn change_token(&mut self, change: Change) {
        let (host, via) = (Standing::host(0), Via::internal());
        let service = self.gateway.service.clone();
        match change {
            Change::Token { nth, asks } if self.tokens[nth].id.is_none() => {
                let (name, scopes) = (format!("token {nth}"), set(asks));
                let order = TokenOrder { name, scopes, until: None, ranges: vec![] };
                let made = service.create_token(&host, via, order).await.unwrap();
                let token = &mut self.tokens[nth];
                (token.id, token.secret) = (Some(made.id), Some(made.secret));
            }
            Change::RotateToken { nth } => {
                let Some(id) = self.tokens[nth].id else { return };
                let made = service.rotate_service_token(&host, via, id).await.unwrap();
                let token = &mut self.tokens[nth];
                token.old = token.secret.replace(made.secret);
                self.lose(Ground::Token(nth));
            }
            Change::RevokeToken { nth } => {
                let Some(id) = self.tokens[nth].id.take() else { return };
                let force = Some("so the story goes".into());
                service.revoke_service_token(&host, via, id, force).await.unwrap();
                let token = &mut self.tokens[nth];
                token.old = token.secret.take();
                self.lose(Ground::Token(nth));
            }
            _ => {}
        }
    }

    /// One of those who are connected does something over its socket. Where a device takes away what
    /// its own session stands on, it is answered first.
    pub(super) async fn change_by(&mut self, nth: usize, change: Change) {
        if self.clients[nth].refusals >= PATIENCE {
            return;
        }
        let of =
            |n: u8, role: Role| json!({"deviceId": self.id(n).to_string(), "role": role.name()});
        let request = |nth: usize| Some(json!({"requestId": self.nth_request(nth)?.to_string()}));
        let (method, params) = match change {
            Change::Approve { nth, .. } => ("device.pair.approve", request(nth)),
            Change::Reject { nth } => ("device.pair.reject", request(nth)),
            Change::Rotate(n, scopes) => {
                let mut params = of(n, Role::Operator);
                if let Some(scopes) = scopes {
                    params["scopes"] = json!(scopes);
                }
                ("device.token.rotate", Some(params))
            }
            Change::Revoke(n, role) => ("device.token.revoke", Some(of(n, role))),
            Change::Remove(n) => {
                let params = json!({"deviceId": self.id(n).to_string()});
                ("device.pair.remove", Some(params))
            }
            _ => return,
        };
        let Some(params) = params else { return };
        let had = |role| match change {
            Change::Revoke(n, of) => {
                role == of && self.gateway.registry.state().grant(self.id(n), role).is_some()
            }
            _ => false,
        };
        let revokes = [Role::Operator, Role::Node].into_iter().any(had);
        let client = &mut self.clients[nth];
        match client.session.request(method, params).await {
            Ok(answer) => self.changed_by(nth, change, revokes, &answer),
            Err(RpcError::Refused(_)) => client.refusals += 1,
            Err(other) => panic!("{method} by {:?}: {other}", client.ground),
        }
    }

    fn changed_by(&mut self, nth: usize, change: Change, revokes: bool, answer: &Value) {
        match change {
            Change::Rotate(n, _) => {
                self.replaced(n, Some(nth));
                if let Some(token) = answer["token"].as_str() {
                    let lost = self.lost(Ground::Device(n, Role::Operator));
                    self.device_tokens.insert(n, (lost, Secret::new(token.to_owned())));
                }
            }
            Change::Revoke(n, role) if revokes => self.lose(Ground::Device(n, role)),
            Change::Remove(n) => self.removed(n),
            _ => self.tally.changed += 1,
        }
    }
}
