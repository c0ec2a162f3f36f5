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

const EVENTS = {
  "connect.challenge": challenge,
  "device.pair.changed": isObject("device.pair.changed"),
  "device.pair.requested": named("DevicePairRequestedEvent"),
  "device.pair.resolved": named("DevicePairResolvedEvent"),
  "device.pair.setup.completed": named("DevicePairSetupCompletedEvent"),
  "doorward.grant.ending": grantEnding,
  "doorward.session.changed": isObject("doorward.session.changed"),
  health: healthSnapshot,
  presence: (value) => presenceList(value?.presence),
  shutdown: named("ShutdownEvent"),
  tick: named("TickEvent"),
};

const RESULTS = {
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
  "gateway.identity.get": isObject("gateway.identity.get"),
  health: healthSnapshot,
  status: isObject("status"),
  "system-presence": presenceList,
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
