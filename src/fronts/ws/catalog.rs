//! The catalogue: every method that is served, with the operation that it is.
//!
//! `hello-ok.features.methods` is this list, so it never names what is not served.

use super::{
    dispatch::{Method, Serve},
    methods::{
        agent, approvals, catalogs, chat, devices, gateway, lockouts, pairing, sessions, setup,
        tokens, upgrade, usage,
    },
};
use crate::domain::operation::Operation;

macro_rules! catalog {
    ($($name:literal => $operation:ident, $serve:ident($handler:path);)+) => {
        /// Every method, sorted by name.
        pub const METHODS: &[Method] = &[$(Method {
            name: $name,
            operation: Operation::$operation,
            serve: Serve::$serve($handler),
        }),+];
    };
}

catalog! {
    "agent" => Complete, Twice(agent::agent);
    "agent.identity.get" => ReadModels, Now(agent::identity_get);
    "agent.wait" => Complete, Wait(agent::wait);
    "agents.list" => ReadModels, Now(catalogs::agents_list);
    "approval.get" => ReadApprovals, Now(approvals::get);
    "approval.history" => ReadApprovals, Now(approvals::history);
    "approval.resolve" => DecideApproval, Later(approvals::resolve);
    "chat.abort" => Complete, Now(chat::abort);
    "chat.history" => ReadSessions, Later(chat::history);
    "chat.inject" => ManageSessions, Later(chat::inject);
    "chat.message.get" => ReadSessions, Later(chat::message_get);
    "chat.metadata" => ReadModels, Now(chat::metadata);
    "chat.send" => Complete, Later(chat::send);
    "chat.startup" => ReadSessions, Later(chat::startup);
    "commands.list" => ReadModels, Now(catalogs::commands_list);
    "config.get" => ReadConfig, Now(gateway::config_get);
    "device.pair.approve" => ApprovePairing, Later(pairing::approve);
    "device.pair.list" => ListPairings, Now(pairing::list);
    "device.pair.reject" => RejectPairing, Later(pairing::reject);
    "device.pair.remove" => RemoveDevice, Later(devices::remove);
    "device.pair.rename" => RenameDevice, Later(devices::rename);
    "device.pair.setupCode" => CreateCode, Later(setup::code);
    "device.pair.setupStatus" => ReadCode, Now(setup::status);
    "device.scopes.requestUpgrade" => RequestPairing, Later(upgrade::request);
    "device.scopes.waitUpgrade" => IssueToken, Wait(upgrade::wait);
    "device.token.revoke" => RevokeToken, Later(devices::revoke);
    "device.token.rotate" => RotateToken, Later(devices::rotate);
    "doorward.auth.rotate" => RotateSecret, Later(tokens::rotate_secret);
    "doorward.lockouts.clear" => ClearLockouts, Later(lockouts::clear);
    "doorward.lockouts.list" => ListLockouts, Now(lockouts::list);
    "doorward.tokens.create" => CreateToken, Later(tokens::create);
    "doorward.tokens.list" => ListTokens, Now(tokens::list);
    "doorward.tokens.revoke" => RevokeServiceToken, Later(tokens::revoke);
    "doorward.tokens.rotate" => RotateServiceToken, Later(tokens::rotate);
    "doorward.whoami" => WhoAmI, Now(gateway::whoami);
    "exec.approval.get" => ReadApprovals, Now(approvals::exec_get);
    "exec.approval.list" => ReadApprovals, Now(approvals::exec_list);
    "exec.approval.resolve" => DecideApproval, Later(approvals::exec_resolve);
    "gateway.identity.get" => ReadIdentity, Now(gateway::identity_get);
    "health" => ReadHealth, Now(gateway::health);
    "models.list" => ReadModels, Now(catalogs::models_list);
    "openclaw.approval.list" => ReadApprovals, Now(approvals::system_list);
    "plugin.approval.list" => ReadApprovals, Now(approvals::plugin_list);
    "plugin.approval.resolve" => DecideApproval, Later(approvals::plugin_resolve);
    "sessions.abort" => Complete, Now(chat::abort);
    "sessions.create" => EditSessions, Later(sessions::changing::create);
    "sessions.delete" => ManageSessions, Later(sessions::changing::delete);
    "sessions.describe" => ReadSessions, Now(sessions::reading::describe);
    "sessions.get" => ReadSessions, Later(chat::history);
    "sessions.list" => ReadSessions, Now(sessions::reading::list);
    "sessions.messages.subscribe" => ReadSessions, Now(sessions::messages_subscribe);
    "sessions.messages.unsubscribe" => ReadSessions, Now(sessions::messages_unsubscribe);
    "sessions.patch" => EditSessions, Later(sessions::changing::patch);
    "sessions.preview" => ReadSessions, Later(sessions::reading::preview);
    "sessions.reset" => ManageSessions, Later(sessions::changing::reset);
    "sessions.resolve" => ReadSessions, Now(sessions::reading::resolve);
    "sessions.search" => ReadSessions, Later(sessions::search::search);
    "sessions.send" => Complete, Later(sessions::changing::send);
    "sessions.subscribe" => ReadSessions, Now(sessions::subscribe);
    "sessions.usage" => ReadSessions, Later(usage::sessions);
    "status" => ReadStatus, Now(gateway::status);
    "system-presence" => ReadPresence, Now(gateway::system_presence);
    "tools.catalog" => ReadModels, Now(catalogs::tools_catalog);
    "usage.cost" => ReadSessions, Later(usage::cost);
    "usage.status" => ReadSessions, Now(usage::status);
}

/// The events that are sent.
pub const EVENTS: &[&str] = &[
    "agent",
    "chat",
    "connect.challenge",
    "device.pair.changed",
    "device.pair.requested",
    "device.pair.resolved",
    "device.pair.setup.completed",
    "doorward.grant.ending",
    "doorward.session.changed",
    "exec.approval.requested",
    "exec.approval.resolved",
    "health",
    "plugin.approval.requested",
    "plugin.approval.resolved",
    "presence",
    "session.message",
    "sessions.changed",
    "shutdown",
    "tick",
];

/// Looks a method up.
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.binary_search_by(|method| method.name.cmp(name)).ok().map(|at| &METHODS[at])
}

/// The operation that a method is, if it is served.
pub fn operation_of(name: &str) -> Option<Operation> {
    find(name).map(|method| method.operation)
}
