//! Keys of OpenClaw's configuration that this version accepts and does not use.
//!
//! They only choose the words of a warning: "not used by this version" tells the owner of an
//! existing file that the key is right and has no effect, where "unknown key" would send them to
//! look for a typing error. Source: the configuration types of openclaw
//! (`src/config/types.openclaw.ts` and `types.gateway.ts`), and the JSON Schema that
//! `openclaw config schema` prints.

/// Top-level sections.
pub(super) const SECTIONS: &[&str] = &[
    "$schema",
    "acp",
    "approvals",
    "audio",
    "auth",
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
    "nodeHost",
    "plugins",
    "secrets",
    "skills",
    "talk",
    "tools",
    "ui",
    "update",
    "vault",
    "web",
    "wizard",
];

/// Keys under `session`.
pub(super) const SESSION: &[&str] = &[
    "agentToAgent",
    "dmScope",
    "groupScope",
    "identityLinks",
    "mainKey",
    "notifyOnCreate",
    "reset",
    "resetByChannel",
    "resetByType",
    "resetTriggers",
    "scope",
    "sendPolicy",
    "sharing",
    "store",
    "threadBindings",
    "typingMode",
];

/// Keys under `session.maintenance`.
pub(super) const MAINTENANCE: &[&str] = &[
    "archiveDashboardAfter",
    "coldStorage",
    "highWaterBytes",
    "maxDiskBytes",
    "preserveRecent",
    "resetArchiveRetention",
];

/// Keys under `gateway`.
pub(super) const GATEWAY: &[&str] =
    &["channelHealthCheckMinutes", "reload", "tailscale", "tls", "tools"];

/// Keys under `gateway.http`.
pub(super) const HTTP: &[&str] = &["securityHeaders"];

/// Keys under `gateway.http.endpoints.chatCompletions`.
pub(super) const CHAT_COMPLETIONS: &[&str] =
    &["images", "maxBodyBytes", "maxImageParts", "maxTotalImageBytes"];

/// Keys under `gateway.http.endpoints.responses`.
pub(super) const RESPONSES: &[&str] = &["files", "images", "maxBodyBytes", "maxUrlParts"];

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
    "allowExternalEmbedUrls",
    "allowInsecureAuth",
    "automaticallyFetchFavicons",
    "communityInvite",
    "dangerouslyAllowHostHeaderOriginFallback",
    "dangerouslyDisableDeviceAuth",
    "embedSandbox",
    "environment",
    "experimental",
    "github",
    "sessionObserver",
];

/// Keys under `logging`.
pub(super) const LOGGING: &[&str] =
    &["consoleLevel", "consoleStyle", "file", "maxFileBytes", "redactPatterns", "redactSensitive"];

/// Keys under `agents`; `list` is the older form of `entries`.
pub(super) const AGENTS: &[&str] = &["list"];

/// Keys under `agents.defaults`.
pub(super) const AGENT_DEFAULTS: &[&str] = &[
    "authInheritance",
    "blockStreamingBreak",
    "blockStreamingChunk",
    "blockStreamingCoalesce",
    "blockStreamingDefault",
    "bootstrapMaxChars",
    "bootstrapTotalMaxChars",
    "compaction",
    "contextInjection",
    "contextLimits",
    "contextPruning",
    "cwd",
    "decisionModel",
    "elevatedDefault",
    "embeddedAgent",
    "experimental",
    "fastModeDefault",
    "heartbeat",
    "humanDelay",
    "imageMaxDimensionPx",
    "imageModel",
    "imageQuality",
    "maxConcurrent",
    "mediaMaxMb",
    "mediaModels",
    "modelPolicy",
    "modelSelectionScope",
    "params",
    "pdfMaxMb",
    "pdfMaxPages",
    "pdfModel",
    "reasoningDefault",
    "repoRoot",
    "sandbox",
    "sessionStore",
    "silentReply",
    "skills",
    "skipBootstrap",
    "skipOptionalBootstrapFiles",
    "startupContext",
    "subagents",
    "systemAgent",
    "thinkingDefault",
    "toolProgressDetail",
    "typingIntervalSeconds",
    "typingMode",
    "userTimezone",
    "utilityModel",
    "verboseDefault",
    "voiceModel",
    "workspace",
];

/// Keys under `agents.entries.<id>`.
pub(super) const AGENT_ENTRY: &[&str] = &[
    "agentDir",
    "bootstrapMaxChars",
    "bootstrapTotalMaxChars",
    "contextInjection",
    "contextLimits",
    "cwd",
    "decisionModel",
    "embeddedAgent",
    "experimental",
    "fastModeDefault",
    "groupChat",
    "heartbeat",
    "humanDelay",
    "memory",
    "modelPolicy",
    "models",
    "params",
    "reasoningDefault",
    "sandbox",
    "skills",
    "skillsLimits",
    "subagents",
    "thinkingDefault",
    "toolProgressDetail",
    "tools",
    "tts",
    "typingMode",
    "utilityModel",
    "verboseDefault",
    "workspace",
];

/// Keys under `agents.entries.<id>.identity`.
pub(super) const AGENT_IDENTITY: &[&str] = &["avatar", "theme"];

/// Keys under `models`.
pub(super) const MODELS: &[&str] = &["catalogRefresh"];

/// Keys under `models.providers.<id>`.
pub(super) const PROVIDER: &[&str] = &[
    "agentRuntime",
    "auth",
    "authHeader",
    "injectNumCtxForOpenAICompat",
    "localService",
    "maxTokens",
    "params",
    "region",
    "request",
];

/// Keys of one of `models.providers.<id>.models`, beside its id: they describe it.
pub(super) const MODEL_ROW: &[&str] = &[
    "agentRuntime",
    "api",
    "baseUrl",
    "compat",
    "contextTokens",
    "contextWindow",
    "headers",
    "input",
    "maxTokens",
    "mediaInput",
    "metadataSource",
    "name",
    "params",
    "reasoning",
    "thinkingLevelMap",
];

/// Keys of one of `bindings`.
pub(super) const BINDING: &[&str] = &["acp", "session"];
