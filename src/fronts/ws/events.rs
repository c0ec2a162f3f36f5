//! Events: what the gateway says without being asked. docs/PROTOCOL.md (e).
//!
//! A broadcast event is rendered once and shared; only its `seq` is each socket's own.

use serde_json::json;

use super::wire;
use crate::{
    domain::{refusal::Refusal, registry::approvals::Kind, scope::ScopeSet},
    service::{Challenge, Fact, News, Service, TalkNews},
    support::clock,
};

/// The first words on every socket. Targeted, so it carries no `seq`.
pub fn challenge(challenge: &Challenge) -> String {
    format!(
        r#"{{"type":"event","event":"connect.challenge","payload":{{"nonce":"{}","ts":{}}}}}"#,
        challenge.nonce, challenge.at.0
    )
}

/// Tells a client that its session may use something else from here on. Targeted, so it carries no
/// `seq`; official clients pass over events that they do not know.
pub fn session_changed(before: &ScopeSet, now: &ScopeSet, expired: bool) -> String {
    let scopes: Vec<_> = now.iter().map(|scope| scope.name().to_owned()).collect();
    let payload = match now.first_missing(before) {
        Some(missing) => {
            let lost = before.iter().filter(|scope| !now.satisfies(scope));
            let required = lost.collect();
            json!({
                "scopes": scopes,
                "code": "SESSION_NARROWED",
                "reason": if expired { "grant expired" } else { "grant narrowed" },
                "remedy": Refusal::MissingScope { missing, required }.remedy(),
            })
        }
        None => json!({"scopes": scopes, "code": "SESSION_WIDENED", "reason": "grant widened"}),
    };
    format!(r#"{{"type":"event","event":"doorward.session.changed","payload":{payload}}}"#)
}

/// The frame of a piece of news for one socket.
pub fn frame(news: &News, seq: u64, service: &Service) -> String {
    let shared = news.rendered(|fact| render(fact, service));
    format!("{shared},\"seq\":{seq}}}")
}

/// What happened in a session, or in a run.
fn talk(news: &TalkNews, service: &Service) -> (&'static str, String, Option<String>) {
    let (name, payload) = match news {
        TalkNews::Chat(step) => ("chat", wire::talk::chat(step)),
        TalkNews::Agent(step) => ("agent", wire::talk::agent(step)),
        TalkNews::Said { session, seq } => {
            let entry = service.entry(session.id, *seq);
            let message = entry.map(|entry| wire::talk::message(session.id, &entry));
            (
                "session.message",
                json!({
                    "sessionKey": session.key.as_str(),
                    "agentId": session.key.agent().as_str(),
                    "sessionId": session.id.to_string(),
                    "messageId": wire::talk::message_id(session.id, *seq),
                    "messageSeq": seq,
                    "message": message,
                    "session": wire::talk::session(session),
                    "updatedAt": session.updated_at.0,
                }),
            )
        }
        TalkNews::Changed { session, reason } => (
            "sessions.changed",
            json!({
                "sessionKey": session.key.as_str(),
                "agentId": session.key.agent().as_str(),
                "sessionId": session.id.to_string(),
                "reason": reason,
                "session": wire::talk::session(session),
                "updatedAt": session.updated_at.0,
                "ts": clock::unix_millis(),
            }),
        ),
        TalkNews::Deleted(session) => (
            "sessions.changed",
            json!({
                "sessionKey": session.key.as_str(),
                "agentId": session.key.agent().as_str(),
                "reason": "delete",
                "ts": clock::unix_millis(),
            }),
        ),
    };
    (name, payload.to_string(), None)
}

/// Everything up to the `seq`.
fn render(fact: &Fact, service: &Service) -> String {
    let (name, payload, state_version) = match fact {
        Fact::Tick(at) => ("tick", json!({"ts": at.0}).to_string(), None),
        Fact::Health => {
            let version = wire::state_version(service, service.board().version);
            ("health", wire::health(service), Some(version))
        }
        Fact::Presence(board) => {
            let list = board.rendered(|board| wire::presence_list(board, service.info()));
            let version = wire::state_version(service, board.version);
            ("presence", format!(r#"{{"presence":{list}}}"#), Some(version))
        }
        Fact::PairingRequested(id, request) => {
            ("device.pair.requested", wire::pairing_request(*id, request, None).to_string(), None)
        }
        Fact::PairingResolved { request_id, device, decision, at } => {
            let payload = json!({
                "requestId": request_id.to_string(),
                "deviceId": device.to_string(),
                "decision": decision,
                "ts": at.0,
            });
            ("device.pair.resolved", payload.to_string(), None)
        }
        Fact::PairingChanged => ("device.pair.changed", json!({}).to_string(), None),
        Fact::SetupCompleted { code, device, name, access, at } => {
            let payload = wire::setup_completion(*code, *device, name.as_deref(), *access, *at);
            ("device.pair.setup.completed", payload.to_string(), None)
        }
        Fact::GrantEnding(ending, at) => {
            ("doorward.grant.ending", wire::ending(ending, *at).to_string(), None)
        }
        Fact::ApprovalRequested(approval) => {
            let name = match approval.request.kind {
                Kind::Exec => "exec.approval.requested",
                Kind::Plugin => "plugin.approval.requested",
            };
            (name, wire::approvals::row(approval).to_string(), None)
        }
        Fact::ApprovalResolved(approval) => {
            let name = match approval.request.kind {
                Kind::Exec => "exec.approval.resolved",
                Kind::Plugin => "plugin.approval.resolved",
            };
            (name, wire::approvals::resolved(approval).unwrap_or_default().to_string(), None)
        }
        Fact::Talk(news) => talk(news, service),
        Fact::Shutdown => ("shutdown", json!({"reason": "gateway stopping"}).to_string(), None),
    };
    let version = state_version.map(|version| format!(r#","stateVersion":{version}"#));
    format!(
        r#"{{"type":"event","event":"{name}","payload":{payload}{}"#,
        version.unwrap_or_default()
    )
}
