//! A connected device asks for more and waits for it: `device.scopes.requestUpgrade`, `.waitUpgrade`.

use serde_json::{Value, json};

use super::read;
use crate::{
    domain::scope::ScopeSet,
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        limits::UPGRADE_SCOPES_MAX,
        wire::{OfRequest, Upgrade as Wanted},
    },
    service::Upgrade,
};

/// `device.scopes.requestUpgrade {scopes}`
pub fn request(call: &Call<'_>) -> Result<Answer, Fault> {
    let Wanted { scopes } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let request = service.request_upgrade(&standing, via, scopes).await;
        let request = request.map_err(|refusal| of_call(&refusal))?;
        Ok(json!({"requestId": request.to_string()}).to_string())
    }))
}

/// `device.scopes.waitUpgrade {requestId}`: answered when someone has decided.
pub fn wait(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfRequest { request } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let upgrade = service.wait_upgrade(&standing, via, request).await;
        let request = request.to_string();
        let answer = match upgrade.map_err(|refusal| of_call(&refusal))? {
            Upgrade::Approved(token, scopes) => json!({
                "status": "approved",
                "requestId": request,
                "deviceToken": token.expose().as_str(),
                "scopes": essential(&scopes),
            }),
            Upgrade::Rejected => json!({"status": "rejected", "requestId": request}),
            Upgrade::Expired => json!({"status": "expired", "requestId": request}),
        };
        Ok(answer.to_string())
    }))
}

/// The names of a set of scopes, as many as the schema has room for. Where there are more, those go
/// first that others of the set satisfy anyway.
fn essential(scopes: &ScopeSet) -> Value {
    let mut kept: Vec<_> = scopes.iter().collect();
    let mut at = kept.len();
    while kept.len() > UPGRADE_SCOPES_MAX && at > 0 {
        at -= 1;
        let scope = kept.remove(at);
        if !kept.iter().cloned().collect::<ScopeSet>().satisfies(&scope) {
            kept.insert(at, scope);
        }
    }
    kept.iter().take(UPGRADE_SCOPES_MAX).map(|scope| Value::from(scope.name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scope;

    #[test]
    fn no_more_than_eight_and_nothing_lost_before_it_must() {
        for (held, expected) in [
            ("operator.read", "operator.read"),
            (
                "operator.admin operator.read operator.write operator.approvals operator.pairing \
                 operator.questions operator.talk operator.talk.secrets",
                "operator.admin operator.read operator.write operator.approvals operator.pairing \
                 operator.questions operator.talk operator.talk.secrets",
            ),
            (
                "operator.read operator.write operator.approvals operator.pairing \
                 operator.questions operator.talk operator.talk.secrets operator.audit plugin.x",
                "operator.read operator.write operator.approvals operator.pairing \
                 operator.questions operator.talk.secrets operator.audit plugin.x",
            ),
            ("a b c d e f g h i", "a b c d e f g h"),
        ] {
            let set: ScopeSet =
                held.split_whitespace().map(|name| Scope::parse(name).unwrap()).collect();
            let names = essential(&set);
            let expected: Vec<_> = expected.split_whitespace().collect();
            assert_eq!(names, json!(expected), "{held}");
        }
    }
}
