//! `doorward explain`: may someone do something, why, and who could change it (N6 A6.2).

use serde_json::{Value, json};

use super::{
    Session,
    args::ExplainArgs,
    exit::{ExitStatusCode, Trouble},
    json, party, table, words,
};
use crate::proto::v1::{
    ExplainRequest, ExplainResponse, Grantor, Requirement,
    explain_request::{Action, SharedSecretClient, Subject},
    party::Kind,
};

/// `explain`. Exits 3 if the answer is no.
///
/// # Errors
/// What the gateway said instead.
pub async fn explain(
    session: &mut Session<'_>,
    args: ExplainArgs,
) -> Result<ExitStatusCode, Trouble> {
    let ExplainArgs { method, operation, who } = args;
    let mut admin = session.admin().await?;
    let action = match (method, operation) {
        (Some(method), _) => Some(Action::Method(method)),
        (None, operation) => operation.map(Action::Operation),
    };
    let subject = match who {
        Some(who) => Some(subject(party::find(&mut admin, &who).await?)?),
        None => None,
    };
    let told = admin.explain(ExplainRequest { action, subject }).await?;
    session.out.result(|| text(&told), || document(&told))?;
    Ok(if told.allowed { ExitStatusCode::OK } else { ExitStatusCode::REFUSED })
}

/// Whom `Explain` can be asked about.
fn subject(kind: Kind) -> Result<Subject, Trouble> {
    match kind {
        Kind::Device(device) => Ok(Subject::Device(device)),
        Kind::TokenId(id) => Ok(Subject::TokenId(id)),
        Kind::SharedSecret(anyone) => {
            Ok(Subject::SharedSecret(SharedSecretClient { local: anyone.local }))
        }
        Kind::Open(_) | Kind::Person(_) => {
            let what = "name a device, a service token, shared-secret or local-shared-secret";
            Err(Trouble::new(ExitStatusCode::USAGE, what))
        }
    }
}

fn text(told: &ExplainResponse) -> String {
    let verdict = if told.allowed { "allowed" } else { "not allowed" };
    let who = told.subject_name.as_ref().map(|name| format!(" ({})", words::plain(name)));
    let mut facts = vec![
        ("asks for", asks(told)),
        ("who", words::principal(told.subject.as_ref()) + &who.unwrap_or_default()),
        ("holds", words::scopes(told.holds.as_ref())),
        ("granted by", format!("record {}", told.grant_seq)),
    ];
    if let Some(ceiling) = &told.ceiling {
        let held_back = words::scopes(told.held_back.as_ref());
        facts
            .push(("ceiling", format!("{}, which holds back: {held_back}", words::plain(ceiling))));
    }
    facts.push(("why", words::line(&told.why)));
    if let Some(missing) = &told.missing {
        facts.push(("missing", words::line(missing)));
    }
    if !told.allowed {
        let others: String =
            told.grantors.iter().map(|grantor| format!(", {}", name(grantor))).collect();
        facts.push(("can be granted by", format!("the gateway host{others}")));
    }
    if let Some(remedy) = &told.remedy {
        facts.push(("run", words::line(remedy)));
    }
    format!("{}: {verdict}\n\n{}", words::plain(&told.action), table::facts(&facts))
}

fn asks(told: &ExplainResponse) -> String {
    let scopes = words::scopes(told.required.as_ref());
    match Requirement::try_from(told.requirement) {
        Ok(Requirement::Scope) => scopes,
        Ok(Requirement::ScopeOrNode) => format!("{scopes}, or a node"),
        Ok(Requirement::ScopeOrOwn) => format!("{scopes}, or only what is one's own"),
        Ok(Requirement::DeviceKey) => "a device that proves its key".into(),
        Ok(Requirement::Host) => "the gateway host".into(),
        Ok(Requirement::Node) => "a node".into(),
        Ok(Requirement::Dynamic) => "what the call says decides".into(),
        Ok(Requirement::Anyone) => "nothing: whoever was let in".into(),
        Ok(Requirement::Unspecified) | Err(_) => "unknown".into(),
    }
}

fn name(grantor: &Grantor) -> String {
    let principal = words::principal(grantor.principal.as_ref());
    match &grantor.name {
        Some(name) => format!("{principal} ({})", words::plain(name)),
        None => principal,
    }
}

fn document(told: &ExplainResponse) -> Value {
    let grantors: Vec<_> = told
        .grantors
        .iter()
        .map(|one| json!({"principal": json::principal(one.principal.as_ref()), "name": one.name}))
        .collect();
    json!({
        "action": told.action,
        "allowed": told.allowed,
        "onlyOwn": told.only_own,
        "served": told.served,
        "requiredScopes": json::scopes(told.required.as_ref()),
        "subject": json::principal(told.subject.as_ref()),
        "subjectName": told.subject_name,
        "holds": json::scopes(told.holds.as_ref()),
        "grantSeq": told.grant_seq,
        "ceiling": told.ceiling,
        "heldBack": told.held_back.as_ref().map(|scopes| &scopes.names),
        "why": told.why,
        "code": told.code,
        "missing": told.missing,
        "grantors": grantors,
        "remedy": told.remedy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn a_no_says_who_could_make_it_a_yes() {
        let told = samples::explained();
        samples::assert_golden("explain.txt", &text(&told));
        samples::assert_golden("explain.json", &document(&told).to_string());
    }
}
