//! Keys of OpenClaw's configuration that this version accepts and does not use.
//!
//! They only choose the words of a warning: "not used by this version" tells the owner of an
//! existing file that the key is right and has no effect, where "unknown key" would send them to
//! look for a typing error. Source: the configuration types of openclaw
//! (`src/config/types.openclaw.ts` and `types.gateway.ts`).

/// Top-level sections.
pub(super) const SECTIONS: &[&str] = &[
    "$schema",
    "acp",
    "agents",
    "approvals",
    "audio",
    "auth",
    "bindings",
    "broadcast",
    "browser",
    "canvasHost",
    "channels",
    "cli",
    "commands",
    "cron",
    "diagnostics",
    "discovery",
    "env",
    "hooks",
    "mcp",
    "media",
    "memory",
    "messages",
    "meta",
    "models",
    "nodeHost",
    "plugins",
    "secrets",
    "session",
    "skills",
    "talk",
    "tools",
    "ui",
    "update",
    "vault",
    "web",
    "wizard",
];

/// Keys under `gateway`.
pub(super) const GATEWAY: &[&str] =
    &["channelHealthCheckMinutes", "http", "reload", "tailscale", "tls", "tools"];

/// Keys under `gateway.auth`.
pub(super) const AUTH: &[&str] = &["allowTailscale"];

/// Keys under `gateway.auth.trustedProxy`.
pub(super) const TRUSTED_PROXY: &[&str] = &["deviceAutoApprove"];

/// Keys under `gateway.nodes`.
pub(super) const NODES: &[&str] = &["allowCommands", "browser", "denyCommands"];

/// Keys under `gateway.remote`, which are for a client of this gateway.
pub(super) const REMOTE: &[&str] = &[
    "enabled",
    "password",
    "remotePort",
    "sshHostKeyPolicy",
    "sshIdentity",
    "sshTarget",
    "tlsFingerprint",
    "token",
    "transport",
];
/// Keys under `gateway.nodes.pairing`.
pub(super) const PAIRING: &[&str] = &["sshVerify"];

/// Keys under `gateway.controlUi`.
pub(super) const CONTROL_UI: &[&str] = &[
    "allowInsecureAuth",
    "basePath",
    "dangerouslyAllowHostHeaderOriginFallback",
    "dangerouslyDisableDeviceAuth",
    "enabled",
    "root",
];

/// Keys under `logging`.
pub(super) const LOGGING: &[&str] =
    &["consoleLevel", "consoleStyle", "file", "maxFileBytes", "redactPatterns", "redactSensitive"];
