// Every way to be turned away at the door, row by row: the answer, the close code and the reason.
// Recorded from the real gateway, except where a comment says why doorward differs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { formatValidationErrors, validateConnectParams } from "@openclaw/gateway-protocol";

import { newDevice } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { connectParams, openRaw, unhinted, withDevice } from "./raw.mjs";

const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };
const WRONG = { token: "not-the-token-0123456789" };
const CONSOLE = { id: "openclaw-control-ui", mode: "webchat" };

const invalid = (message, details) => ({ code: "INVALID_REQUEST", message, details });
const notPaired = (message, details) => ({ code: "NOT_PAIRED", message, details });

const mismatch = (advice, { retry = false } = {}) =>
  invalid(`unauthorized: gateway token mismatch (${advice})`, {
    code: "AUTH_TOKEN_MISMATCH",
    authReason: "token_mismatch",
    canRetryWithDeviceToken: retry,
    recommendedNextStep: retry ? "retry_with_device_token" : "update_auth_credentials",
  });
const CLI_ADVICE = "use this gateway's gateway.auth.token or pair the device";

const NO_IDENTITY = notPaired("device identity required", { code: "DEVICE_IDENTITY_REQUIRED" });
const DEVICE_TOKEN_MISMATCH = invalid(
  "unauthorized: device token mismatch (rotate/reissue device token)",
  {
    code: "AUTH_DEVICE_TOKEN_MISMATCH",
    authReason: "device_token_mismatch",
    canRetryWithDeviceToken: false,
    recommendedNextStep: "update_auth_credentials",
  },
);
const PROTOCOL_MISMATCH = (min, max) =>
  invalid("protocol mismatch", {
    code: "PROTOCOL_MISMATCH",
    clientMinProtocol: min,
    clientMaxProtocol: max,
    expectedProtocol: 4,
    minimumProbeProtocol: 3,
  });
const proof = (message, code, reason) => invalid(message, { code, reason });
const originRefused = (reason) =>
  invalid(
    "origin not allowed (open the Control UI from the gateway host or allow it in " +
      "gateway.controlUi.allowedOrigins)",
    { code: "CONTROL_UI_ORIGIN_NOT_ALLOWED", reason },
  );

/** A connect request with these parameters; `token` is the gateway's. */
const plain = (over) => ({ token }) => connectParams({ auth: { token }, ...over });

/** The same with a fresh device's proof. */
const device = (over, proofOptions) => ({ token, challenge }) => {
  const params = connectParams({ auth: { token }, ...over });
  return withDevice(params, newDevice(), challenge, proofOptions);
};

/** `params` of a connect request, the error, and optionally another close than 1008 = message. */
const REFUSED = [
  ["wrong token, cli", plain({ auth: WRONG }), mismatch(CLI_ADVICE)],
  [
    "wrong token, probe",
    plain({ auth: WRONG, client: { mode: "probe" } }),
    mismatch("provide gateway auth token"),
  ],
  [
    "wrong token, backend",
    plain({ auth: WRONG, client: { id: "gateway-client", mode: "backend" } }),
    mismatch("provide gateway auth token"),
  ],
  [
    "wrong token, console",
    plain({ auth: WRONG, client: CONSOLE }),
    mismatch("open the dashboard URL and paste the token in Control UI settings"),
    { fromPage: true },
  ],
  ["wrong token, good device", device({ auth: WRONG }), mismatch(CLI_ADVICE, { retry: true })],
  ["no token, no device", plain({ auth: undefined }), NO_IDENTITY],
  ["empty token, no device", plain({ auth: { token: "" } }), NO_IDENTITY],
  [
    "no token, good device",
    device({ auth: undefined }),
    invalid(`unauthorized: gateway token missing (${CLI_ADVICE})`, {
      code: "AUTH_TOKEN_MISSING",
      authReason: "token_missing",
      canRetryWithDeviceToken: false,
      recommendedNextStep: "update_auth_configuration",
    }),
  ],
  [
    "node without a device",
    plain({ role: "node", scopes: [], client: { id: "node-host", mode: "node" } }),
    NO_IDENTITY,
  ],
  ["unknown device token", device({ auth: { deviceToken: "x".repeat(43) } }), DEVICE_TOKEN_MISMATCH],
  [
    "bootstrap token that is none",
    device({ auth: { bootstrapToken: "x".repeat(43) } }),
    invalid(
      "unauthorized: setup code invalid, expired, revoked, or already used (create a new code; " +
        "review `openclaw devices list`)",
      {
        code: "AUTH_BOOTSTRAP_TOKEN_INVALID",
        authReason: "bootstrap_token_invalid",
        canRetryWithDeviceToken: false,
        recommendedNextStep: "review_auth_configuration",
      },
    ),
  ],
  [
    "signature of other bytes",
    device({}, { signed: { role: "node" } }),
    proof("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"),
  ],
  [
    "signed over another token",
    device({}, { signed: { token: "another" } }),
    proof("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"),
  ],
  [
    "v3 signed for another platform",
    device({}, { signed: { platform: "windows" } }),
    proof("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"),
  ],
  [
    "signedAt ten minutes ago",
    (context) => device({}, { as: { signedAt: context.challenge.ts - 600_000 } })(context),
    proof("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale"),
  ],
  [
    "signedAt in ten minutes",
    (context) => device({}, { as: { signedAt: context.challenge.ts + 600_000 } })(context),
    proof("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale"),
  ],
  [
    "nonce of another connection",
    device({}, { as: { nonce: "00000000-0000-4000-8000-000000000000" } }),
    proof("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch"),
  ],
  [
    "blank nonce",
    device({}, { as: { nonce: " " } }),
    proof("device nonce required", "DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing"),
  ],
  [
    "another device's id",
    device({}, { as: { id: newDevice().id } }),
    proof("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch"),
  ],
  [
    "malformed public key",
    device({}, { as: { publicKey: "AAAA" } }),
    proof("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch"),
  ],
  [
    "newer protocol only",
    plain({ minProtocol: 5, maxProtocol: 6 }),
    PROTOCOL_MISMATCH(5, 6),
    { close: [1002, "protocol mismatch"] },
  ],
  [
    "older protocol only, operator",
    plain({ minProtocol: 3, maxProtocol: 3 }),
    PROTOCOL_MISMATCH(3, 3),
    { close: [1002, "protocol mismatch"] },
  ],
  ["invalid role", plain({ role: "king" }), invalid("invalid role")],
  [
    "console without a page",
    plain({ client: CONSOLE }),
    originRefused("origin missing or invalid"),
  ],
  [
    "console from a foreign page",
    plain({ client: CONSOLE }),
    originRefused("origin not allowed"),
    { headers: { Origin: "https://evil.example" } },
  ],
];

/** Parameters that break the schema in one way each: what to change in sound ones. */
const MALFORMED = [
  (params) => (params.foo = 1),
  (params) => delete params.minProtocol,
  (params) => (params.minProtocol = "4"),
  (params) => (params.maxProtocol = 0),
  (params) => delete params.client,
  (params) => (params.client = 3),
  (params) => (params.client.foo = 1),
  (params) => (params.client.id = "nobody"),
  (params) => (params.client.mode = "operator"),
  (params) => delete params.client.version,
  (params) => (params.client.version = ""),
  (params) => (params.client.displayName = ""),
  (params) => (params.role = ""),
  (params) => (params.role = 3),
  (params) => (params.scopes = "operator.read"),
  (params) => (params.scopes = [1]),
  (params) => (params.caps = [3]),
  (params) => (params.auth = 3),
  (params) => (params.auth.token = 3),
  (params) => delete params.device.nonce,
  (params) => (params.device.nonce = ""),
  (params) => delete params.device.signature,
  (params) => (params.device.signedAt = 1.5),
  (params) => (params.device.signedAt = -1),
];

/** A first message that is no connect request: the error if there is one, and the close. */
const FIRST_MESSAGES = [
  [
    "a request, but not connect",
    { type: "req", id: "1", method: "health" },
    invalid("invalid handshake: first request must be connect"),
    [1008, "invalid handshake: first request must be connect"],
  ],
  ["JSON, but no request", { type: "event", event: "x" }, null, [1008, "invalid request frame"]],
  ["a request without an id", { type: "req", method: "connect" }, null, [1008, "invalid request frame"]],
  ["not JSON", "hello?", null, [1000, ""]],
  ["binary", Buffer.from("{}"), null, [1000, ""]],
  ["one byte too many", "x".repeat(65_537), null, [1009, ""]],
  ["as many bytes as may be, not JSON", "x".repeat(65_536), null, [1000, ""]],
];

/** Clients that have another protocol, which is not spoken here. */
const NO_ANSWER = [
  ["role worker", plain({ role: "worker" })],
  ["client openclaw-worker", plain({ client: { id: "openclaw-worker" } })],
  ["mode worker", plain({ client: { mode: "worker" } })],
];

test("every refusal of the handshake, row by row (N6 A6.1: each says what to do)", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  for (const [name, params, error, { close, headers = {}, fromPage = false } = {}] of REFUSED) {
    await t.test(name, async () => {
      const origin = fromPage ? { Origin: gateway.origin } : {};
      const raw = await openRaw(gateway, { headers: { ...headers, ...origin } });
      const { challenge } = raw;
      const answer = await raw.call("connect", params({ token, challenge }), "first");
      assert.deepEqual([answer.type, answer.id, answer.ok], ["res", "first", false]);
      assertError(answer.error, error);
      const [code, reason] = close ?? [1008, error.message];
      assert.deepEqual(await raw.closed(), { code, reason });
    });
  }
});

/** Compares an error with a row. Details may hold a hint beside what was recorded, and must. */
function assertError(actual, expected) {
  const { details, ...rest } = actual;
  const { details: expectedDetails, ...expectedRest } = expected;
  assert.deepEqual(rest, expectedRest);
  if (expectedDetails === undefined) assert.equal(details, undefined);
  else if (details.code === "PROTOCOL_MISMATCH") assert.deepEqual(details, expectedDetails);
  else assert.deepEqual(unhinted(details), expectedDetails);
}

test("malformed connect parameters are refused in the words of the official validator", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  for (const change of MALFORMED) {
    await t.test(change.toString(), async () => {
      const raw = await openRaw(gateway);
      const params = device()({ token, challenge: raw.challenge });
      assert.ok(validateConnectParams(params), "sound before the change");
      change(params);
      assert.ok(!validateConnectParams(params), "broken after it");
      const fault = formatValidationErrors(validateConnectParams.errors);
      const { error } = await raw.call("connect", params);
      assert.deepEqual(error, { code: "INVALID_REQUEST", message: `invalid connect params: ${fault}` });
      assert.deepEqual(await raw.closed(), { code: 1008, reason: error.message });
    });
  }
});

test("first messages that are no connect request, row by row", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  for (const [name, message, error, [code, reason]] of FIRST_MESSAGES) {
    await t.test(name, async () => {
      const raw = await openRaw(gateway, { path: "/any/path" });
      raw.send(message);
      const answer = await raw.next();
      if (error) assertError(answer.error, error);
      else assert.equal(answer, null, "no answer");
      assert.deepEqual(await raw.closed(), { code, reason });
    });
  }
  for (const [name, params] of NO_ANSWER) {
    await t.test(name, async () => {
      const raw = await openRaw(gateway);
      raw.request("connect", params({ token }));
      assert.equal(await raw.next(), null, "no answer");
      assert.deepEqual(await raw.closed(), { code: 1008, reason: "invalid-handshake" });
    });
  }
});

test("what is let in: a probe of the older protocol, a range that holds 4, a v2 signature, 64 KiB", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const rows = [
    ["probe 3..3", plain({ minProtocol: 3, maxProtocol: 3, client: { mode: "probe" } })],
    ["probe 3..4", plain({ minProtocol: 3, maxProtocol: 4, client: { mode: "probe" } })],
    ["range 1..9", plain({ minProtocol: 1, maxProtocol: 9 })],
    ["v2 signature", device({}, { version: 2 })],
    ["v3 signature", device({})],
    ["no scopes at all", plain({ scopes: undefined })],
    ["unknown scope", plain({ scopes: ["operator.unknown"] })],
    ["signedAt 119 s ago", (context) => device({}, { as: { signedAt: context.challenge.ts - 119_000 } })(context)],
    ["the console's own fields", plain({ modelCatalog: { sessionKey: "main" }, locale: "en-US", userAgent: "x" })],
    ["exactly 65,536 bytes", padded],
  ];
  for (const [name, params] of rows) {
    await t.test(name, async () => {
      const raw = await openRaw(gateway);
      const { challenge } = raw;
      const answer = await raw.call("connect", params({ token, challenge }), "1");
      assert.equal(answer.ok, true, JSON.stringify(answer.error));
      assert.equal(answer.payload.protocol, 4);
      if (answer.payload.auth.deviceToken) gateway.secrets.add(answer.payload.auth.deviceToken);
    });
  }
});

/** Parameters that make the whole connect request 65,536 bytes long. */
function padded({ token }) {
  const params = connectParams({ auth: { token }, userAgent: "" });
  const frame = JSON.stringify({ type: "req", id: "1", method: "connect", params });
  return { ...params, userAgent: "x".repeat(65_536 - frame.length) };
}
