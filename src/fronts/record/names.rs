//! The contract's numbers as the words that programs know them by.

use crate::proto::v1::{AuthMode, Role, via::Transport};

/// Bytes as lowercase hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A role's wire name.
pub fn role(role: i32) -> &'static str {
    match Role::try_from(role) {
        Ok(Role::Operator) => "operator",
        Ok(Role::Node) => "node",
        Ok(Role::Unspecified) | Err(_) => "unknown",
    }
}

/// Which proof.
pub fn auth_mode(mode: i32) -> &'static str {
    match AuthMode::try_from(mode) {
        Ok(AuthMode::Token) => "token",
        Ok(AuthMode::Password) => "password",
        Ok(AuthMode::None) => "none",
        Ok(AuthMode::TrustedProxy) => "trusted-proxy",
        Ok(AuthMode::Unspecified) | Err(_) => "unknown",
    }
}

/// By which door.
pub fn transport(transport: i32) -> &'static str {
    match Transport::try_from(transport) {
        Ok(Transport::WebSocket) => "websocket",
        Ok(Transport::Http) => "http",
        Ok(Transport::AdminSocket) => "admin-socket",
        Ok(Transport::Internal) => "internal",
        Ok(Transport::Grpc) => "grpc",
        Ok(Transport::Unspecified) | Err(_) => "unknown",
    }
}
