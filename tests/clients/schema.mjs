// Checks what the gateway sent against the schema that the client packages publish. The schema is
// strict: a field that it does not know is a violation.

import { ProtocolSchemas } from "@openclaw/gateway-protocol/schema";
import { Compile } from "typebox/compile";

const compiled = new Map();

/** What is wrong with a value by a schema, in words; nothing if it fits. */
function faults(name, schema, value) {
  if (!compiled.has(name)) compiled.set(name, Compile(schema));
  const validator = compiled.get(name);
  if (validator.Check(value)) return [];
  return [...validator.Errors(value)].map(({ instancePath, message, params }) => {
    return `${name}${instancePath} ${message} ${JSON.stringify(params ?? {})}`;
  });
}

const named = (name) => (value) => faults(name, ProtocolSchemas[name], value);
const { presence, health } = ProtocolSchemas.Snapshot.properties;
const presenceList = (value) => faults("Snapshot.presence", presence, value);
const healthSnapshot = (value) => faults("Snapshot.health", health, value);

/** Methods and events without a published result schema: the shape that their clients read. */
const isObject = (name) => (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? [] : [`${name}: no object`];

function challenge(value) {
  const fits = typeof value?.nonce === "string" && value.nonce && Number.isSafeInteger(value.ts);
  return fits ? [] : ["connect.challenge: needs a nonce and a whole number as ts"];
}

function pairingList(value) {
  if (!Array.isArray(value?.pending) || !Array.isArray(value?.paired)) {
    return ["device.pair.list: needs pending and paired"];
  }
  // A listed request is what was announced, and says when it runs out.
  return value.pending.flatMap(({ expiresAtMs, ...announced }) => {
    const fits = Number.isSafeInteger(expiresAtMs) ? [] : ["device.pair.list: no expiresAtMs"];
    return [...fits, ...named("DevicePairRequestedEvent")(announced)];
  });
}

/** A device in one role, or a service token, and when it ends: doorward's own event. */
function grantEnding({ kind, deviceId, role, tokenId, name, untilMs, ts, ...more }) {
  const ofDevice = kind === "device" && deviceId && role && tokenId === undefined;
  const ofToken = kind === "service_token" && tokenId && name && deviceId === undefined;
  const fits = (ofDevice || ofToken) && Number.isSafeInteger(untilMs) && Number.isSafeInteger(ts);
  return fits && Object.keys(more).length === 0 ? [] : ["doorward.grant.ending: not its shape"];
}

/**
 * `hello-ok`. Its `auth` says how the client proved itself, as the real gateway does against its own
 * schema, and why it holds less than it asked for, which no schema has a place for.
 */
function helloOk(value) {
  const { method, narrowed = [], ...auth } = value?.auth ?? {};
  const whats = typeof method === "string" && method ? [] : ["hello-ok: no auth.method"];
  for (const { scope, code, remedy, role } of narrowed) {
    const fits = [scope, code, remedy, role ?? "none"].every((text) => typeof text === "string" && text);
    if (!fits) whats.push(`hello-ok: not a narrowed scope: ${JSON.stringify(narrowed)}`);
  }
  return [...whats, ...named("HelloOk")({ ...value, auth })];
}

/** Texts that a value must have. */
const texts = (name, value, ...fields) =>
  fields
    .filter((field) => typeof value?.[field] !== "string" || value[field] === "")
    .map((field) => `${name}: no ${field}`);

const rows = (name, value) =>
  Array.isArray(value) ? value.flatMap(named("SessionRow")) : [`${name}: no list of sessions`];

/** The real gateway says whose event it is, for which its own schema has no place. */
function agentEvent({ sessionKey, sessionId, agentId, ...published }) {
  const whose = { sessionKey, sessionId, agentId };
  return [...texts("agent", whose, ...Object.keys(whose)), ...named("AgentEvent")(published)];
}

/** News of a session; one that is gone has no row. */
function sessionNews(value) {
  const whats = texts("session news", value, "sessionKey", "agentId");
  return value?.session === undefined ? whats : [...whats, ...named("SessionRow")(value.session)];
}

function sessionMessage(value) {
  const role = texts("session.message", value?.message, "role");
  return [...sessionNews(value), ...role, ...texts("session.message", value, "messageId")];
}

/** A page of what was said, or what came after a cursor. */
function history(value) {
  if (value?.kind !== undefined) return named("ChatHistoryCursorResult")(value);
  const whats = texts("history", value, "sessionKey");
  if (!Array.isArray(value?.messages)) return [...whats, "history: no list of messages"];
  if (value.sessionInfo !== undefined) whats.push(...named("SessionRow")(value.sessionInfo));
  return [...whats, ...value.messages.flatMap((message) => texts("history", message, "role"))];
}

function metadata(value) {
  const models = named("ModelsListResult")({ models: value?.models });
  return [...models, ...named("CommandsListResult")({ commands: value?.commands })];
}

function startup(value) {
  const whats = [...history(value), ...named("AgentsListResult")(value?.agentsList)];
  return [...whats, ...metadata(value?.metadata)];
}

function sessionsList(value) {
  const counts = ["ts", "count", "totalCount", "limitApplied"];
  const missing = counts.filter((name) => !Number.isSafeInteger(value?.[name]));
  const whats = missing.map((name) => `sessions.list: no ${name}`);
  return [...whats, ...rows("sessions.list", value?.sessions)];
}

/** What something cost: the schema has no shape for it, and clients read every one of these numbers. */
const COSTS = ["input", "output", "cacheRead", "cacheWrite"];
const TOTALS = [...COSTS, "totalTokens", "totalCost", ...COSTS.map((name) => `${name}Cost`), "missingCostEntries"];
const totals = (name, value) =>
  TOTALS.filter((field) => !(value?.[field] >= 0)).map((field) => `${name}: no ${field}`);

const costs = (value) => {
  const days = value?.daily?.flatMap((day) => [...texts("usage day", day, "date"), ...totals("usage day", day)]);
  return [...totals("usage.cost", value?.totals), ...(days ?? ["usage.cost: no daily"])];
};

const sessionsUsage = (value) => {
  const whats = texts("sessions.usage", value, "startDate", "endDate");
  const rows = value?.sessions?.flatMap((row) => [
    ...texts("sessions.usage row", row, "key", "sessionId", "agentId"),
    ...totals("sessions.usage row", row?.usage),
  ]);
  const models = value?.aggregates?.byModel?.flatMap((row) => totals("byModel", row?.totals));
  const missing = rows && models ? [] : ["sessions.usage: no sessions or aggregates"];
  return [...whats, ...totals("sessions.usage", value?.totals), ...(rows ?? []), ...(models ?? []), ...missing];
};

/** How a run stands. */
const run = (name) => (value) => texts(name, value, "runId", "status");

/** What was done to the session `key`; its `entry` is a row, if it says one. */
const changed = (name) => (value) => {
  const whats = value?.ok === true ? texts(name, value, "key") : [`${name}: not ok`];
  return value?.entry === undefined ? whats : [...whats, ...named("SessionRow")(value.entry)];
};

/** What waits for a person, as lists and events tell it; the schema has none, and this is what is read. */
const asked = (name) => (value) => {
  const times = ["createdAtMs", "expiresAtMs"].filter((field) => !Number.isSafeInteger(value?.[field]));
  const whats = [...texts(name, value, "id"), ...times.map((field) => `${name}: no ${field}`)];
  const shown = name.startsWith("exec.") ? ["command"] : ["title", "description"];
  whats.push(...texts(name, value?.request, ...shown));
  return Array.isArray(value?.request?.allowedDecisions) ? whats : [...whats, `${name}: no decisions`];
};

const askedList = (name) => (value) =>
  Array.isArray(value) ? value.flatMap(asked(name)) : [`${name}: no list`];

const answered = (name) => (value) => {
  const whats = texts(name, value, "id", "decision");
  return Number.isSafeInteger(value?.ts) ? whats : [...whats, `${name}: no ts`];
};

const EVENTS = {
  agent: agentEvent,
  chat: named("ChatEvent"),
  "connect.challenge": challenge,
  "device.pair.changed": isObject("device.pair.changed"),
  "device.pair.requested": named("DevicePairRequestedEvent"),
  "device.pair.resolved": named("DevicePairResolvedEvent"),
  "device.pair.setup.completed": named("DevicePairSetupCompletedEvent"),
  "doorward.grant.ending": grantEnding,
  "doorward.session.changed": isObject("doorward.session.changed"),
  "exec.approval.requested": asked("exec.approval.requested"),
  "exec.approval.resolved": answered("exec.approval.resolved"),
  health: healthSnapshot,
  "plugin.approval.requested": asked("plugin.approval.requested"),
  "plugin.approval.resolved": answered("plugin.approval.resolved"),
  presence: (value) => presenceList(value?.presence),
  "session.message": sessionMessage,
  "sessions.changed": sessionNews,
  shutdown: named("ShutdownEvent"),
  tick: named("TickEvent"),
};

const RESULTS = {
  agent: run("agent"),
  "agent.identity.get": named("AgentIdentityResult"),
  "agent.wait": run("agent.wait"),
  "agents.list": named("AgentsListResult"),
  "approval.get": named("ApprovalGetResult"),
  "approval.history": named("ApprovalHistoryResult"),
  "approval.resolve": named("ApprovalResolveResult"),
  "chat.abort": isObject("chat.abort"),
  "chat.history": history,
  "chat.inject": isObject("chat.inject"),
  "chat.message.get": named("ChatMessageGetResult"),
  "chat.metadata": metadata,
  "chat.send": run("chat.send"),
  "chat.startup": startup,
  "commands.list": named("CommandsListResult"),
  connect: helloOk,
  "config.get": isObject("config.get"),
  "device.pair.approve": isObject("device.pair.approve"),
  "device.pair.list": pairingList,
  "device.pair.reject": isObject("device.pair.reject"),
  "device.pair.remove": isObject("device.pair.remove"),
  "device.pair.rename": isObject("device.pair.rename"),
  "device.pair.setupCode": named("DevicePairSetupCodeResult"),
  "device.pair.setupStatus": named("DevicePairSetupStatusResult"),
  "device.scopes.requestUpgrade": named("ScopeUpgradeRegistration"),
  "device.scopes.waitUpgrade": named("ScopeUpgradeResult"),
  "device.token.revoke": isObject("device.token.revoke"),
  "device.token.rotate": named("DeviceTokenRotateResult"),
  "doorward.auth.rotate": isObject("doorward.auth.rotate"),
  "doorward.lockouts.clear": isObject("doorward.lockouts.clear"),
  "doorward.lockouts.list": isObject("doorward.lockouts.list"),
  "doorward.tokens.create": isObject("doorward.tokens.create"),
  "doorward.tokens.list": isObject("doorward.tokens.list"),
  "doorward.tokens.revoke": isObject("doorward.tokens.revoke"),
  "doorward.tokens.rotate": isObject("doorward.tokens.rotate"),
  "doorward.whoami": isObject("doorward.whoami"),
  "exec.approval.get": isObject("exec.approval.get"),
  "exec.approval.list": askedList("exec.approval.list"),
  "exec.approval.resolve": isObject("exec.approval.resolve"),
  "gateway.identity.get": isObject("gateway.identity.get"),
  health: healthSnapshot,
  "models.list": named("ModelsListResult"),
  "openclaw.approval.list": askedList("openclaw.approval.list"),
  "plugin.approval.list": askedList("plugin.approval.list"),
  "plugin.approval.resolve": isObject("plugin.approval.resolve"),
  "sessions.abort": isObject("sessions.abort"),
  "sessions.create": named("SessionsCreateResult"),
  "sessions.delete": named("SessionsDeleteResult"),
  "sessions.describe": (value) => (value?.session === null ? [] : named("SessionRow")(value?.session)),
  "sessions.get": history,
  "sessions.list": sessionsList,
  "sessions.messages.subscribe": isObject("sessions.messages.subscribe"),
  "sessions.messages.unsubscribe": isObject("sessions.messages.unsubscribe"),
  "sessions.patch": changed("sessions.patch"),
  "sessions.preview": isObject("sessions.preview"),
  "sessions.reset": changed("sessions.reset"),
  "sessions.resolve": named("SessionsResolveResult"),
  "sessions.search": named("SessionsSearchResult"),
  "sessions.send": run("sessions.send"),
  "sessions.subscribe": isObject("sessions.subscribe"),
  "sessions.usage": sessionsUsage,
  status: isObject("status"),
  "system-presence": presenceList,
  "tools.catalog": named("ToolsCatalogResult"),
  "usage.cost": costs,
  "usage.status": (value) => (Array.isArray(value?.providers) ? [] : ["usage.status: no providers"]),
};

const ERROR_DETAILS = { MISSING_SCOPE: named("MissingScopeErrorDetails") };

/** Events that go to one client and so are outside its sequence. */
const TARGETED = new Set(["connect.challenge", "doorward.session.changed"]);

/** Everything that is wrong with what the gateway sent on one connection: `{what, frame}` each. */
export function violationsOf(connection) {
  const violations = connection.faults
    .filter(({ direction }) => direction === "s2c")
    .map(({ what }) => ({ what: `not WebSocket: ${what}`, frame: null }));
  const methods = new Map();
  const state = { seq: 0, promised: null };
  for (const { direction, text, isBinary } of connection.messages) {
    const frame = isBinary ? undefined : readJson(text);
    if (direction === "c2s") {
      if (frame?.type === "req") methods.set(frame.id, frame.method);
      continue;
    }
    const whats = frame === undefined ? ["not a JSON text message"] : ofFrame(frame, methods, state);
    violations.push(...whats.map((what) => ({ what, frame: frame ?? text })));
  }
  return violations;
}

function ofFrame(frame, methods, state) {
  const envelope = named("GatewayFrame")(frame);
  if (frame.type === "event") return [...envelope, ...ofEvent(frame, state)];
  if (frame.type === "res") return [...envelope, ...ofResponse(frame, methods, state)];
  return [...envelope, `a gateway sends no ${frame.type}`];
}

function ofEvent(frame, state) {
  const check = EVENTS[frame.event];
  if (!check) return [`no schema is known for event ${frame.event}`];
  const whats = check(frame.payload);
  if (TARGETED.has(frame.event)) {
    return frame.seq === undefined ? whats : [...whats, "a targeted event has no seq"];
  }
  state.seq += 1;
  if (frame.seq !== state.seq) whats.push(`seq ${frame.seq} comes where ${state.seq} should`);
  if (!state.promised) whats.push("a broadcast event comes before hello-ok");
  else if (!state.promised.includes(frame.event)) whats.push("hello-ok did not announce this event");
  return whats;
}

function ofResponse(frame, methods, state) {
  if (!frame.ok) {
    if (!frame.error) return ["a refusal without an error"];
    return ERROR_DETAILS[frame.error.details?.code]?.(frame.error.details) ?? [];
  }
  const method = methods.get(frame.id);
  const check = RESULTS[method];
  if (!check) return [`no schema is known for the answer to ${method}`];
  if (method === "connect") state.promised = frame.payload?.features?.events;
  return check(frame.payload);
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
