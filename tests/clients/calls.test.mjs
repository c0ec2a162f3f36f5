// What is answered on an open connection, row by row, and what is not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { connectParams, connectRaw, openRaw, withDevice } from "./raw.mjs";

const invalid = (message) => ({ code: "INVALID_REQUEST", message });

/** A message, the id of the answer, and its error. */
const ANSWERED = [
  ["unknown method", { type: "req", id: "1", method: "nope.nope" }, "1", invalid("unknown method: nope.nope")],
  [
    "second connect",
    { type: "req", id: "2", method: "connect", params: connectParams() },
    "2",
    invalid("connect is only valid as the first request"),
  ],
  [
    "no id",
    { type: "req", method: "health" },
    "invalid",
    invalid("invalid request frame: must have required property 'id'"),
  ],
  [
    "a number as id: echoed as it came",
    { type: "req", id: 7, method: "health" },
    7,
    invalid("invalid request frame: at /id: must be string"),
  ],
  [
    "no method",
    { type: "req", id: "3" },
    "3",
    invalid("invalid request frame: must have required property 'method'"),
  ],
  [
    "unexpected parameter",
    { type: "req", id: "4", method: "device.pair.list", params: { foo: 1 } },
    "4",
    invalid("invalid device.pair.list params: at root: unexpected property 'foo'"),
  ],
  [
    "missing parameter",
    { type: "req", id: "5", method: "device.pair.approve", params: {} },
    "5",
    invalid("invalid device.pair.approve params: must have required property 'requestId'"),
  ],
  [
    "parameters that are no object",
    { type: "req", id: "6", method: "device.pair.approve", params: [] },
    "6",
    invalid("invalid device.pair.approve params: must be object"),
  ],
];

/** Messages that the real gateway ignores once a client is in. */
const IGNORED = [
  ["not JSON", "hello?"],
  ["binary", Buffer.from("{}")],
  ["JSON that is no request", { type: "event", event: "x" }],
];

test("malformed and unknown requests are answered on the open connection, row by row", async (t) => {
  const gateway = await startGateway(t);
  // The published schema has only texts as ids. The real gateway echoes what came, and a client
  // that numbers its requests finds its answer by that.
  gateway.excuse((frame) => frame.id === 7);
  const token = await gateway.sharedToken();
  for (const scope of ["operator.admin", "operator.pairing"]) {
    const params = connectParams({ auth: { token }, scopes: [scope] });
    const raw = await connectRaw(gateway, { params });
    for (const [name, message, id, error] of ANSWERED) {
      await t.test(`${name}, ${scope}`, async () => {
        raw.send(message);
        assert.deepEqual(await raw.nextAnswer(), { type: "res", id, ok: false, error });
      });
    }
    for (const [name, message] of IGNORED) {
      await t.test(`${name}, ${scope}`, async () => {
        raw.send(message);
        // The next answer belongs to the next request: nothing was said about the message.
        assert.equal((await raw.call("device.pair.list", {}, name)).id, name);
      });
    }
  }
});

test("what a client sends along with connect waits for hello-ok, in order", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const known = connectParams({ auth: { token } });
  for (const [name, params] of [
    ["let in at once", () => known],
    // A fresh device is written to the ledger first, which takes a sync.
    ["let in after a write", (challenge) => withDevice(known, newDevice(), challenge)],
  ]) {
    await t.test(name, async () => {
      const raw = await openRaw(gateway);
      raw.request("connect", params(raw.challenge), "a");
      raw.request("health", undefined, "b");
      raw.request("status", {}, "c");
      raw.request("health", undefined, "b");
      const answers = [];
      while (answers.length < 4) answers.push(await raw.nextAnswer());
      assert.deepEqual(answers.map(({ id, ok }) => [id, ok]), [
        ["a", true],
        ["b", true],
        ["c", true],
        // The same id again is another request.
        ["b", true],
      ]);
      assert.equal(answers[0].payload.type, "hello-ok");
    });
  }
});

test("a message above policy.maxPayload closes with 1009; one of that size is read", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const raw = await connectRaw(gateway, { params: connectParams({ auth: { token } }) });
  const { maxPayload } = raw.answer.payload.policy;
  assert.equal(maxPayload, 25 * 1024 * 1024);
  const request = (bytes) => {
    const frame = { type: "req", id: "1", method: "health", params: { filler: "" } };
    frame.params.filler = "x".repeat(bytes - JSON.stringify(frame).length);
    return JSON.stringify(frame);
  };
  raw.send(request(maxPayload));
  assert.equal((await raw.nextAnswer()).ok, true);
  raw.send(request(maxPayload + 1));
  assert.deepEqual(await raw.closed(), { code: 1009, reason: "" });
});

test("a client that repeats a call without a right is told to wait, then closed", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const session = await connect(gateway, { token, scopes: ["operator.read"] });
  // The client sends them all at once, as one that does not read its answers.
  const calls = Array.from({ length: 40 }, () => session.refusal("device.pair.list", {}));
  assert.deepEqual(await session.closed(), { code: 1008, reason: "repeated unauthorized calls" });
  const refusals = await Promise.all(calls);
  const codes = refusals.map((error) => error.details?.code);
  assert.deepEqual(new Set(codes.slice(0, 10)), new Set(["MISSING_SCOPE"]));
  const wait = refusals.find((error) => error.details?.code === "CALLS_THROTTLED");
  assert.equal(wait.retryable, true);
  assert.ok(wait.retryAfterMs >= 1 && wait.retryAfterMs <= 1000, `${wait.retryAfterMs}`);
  // Nothing is held against the client beyond the connection.
  const again = await connect(gateway, { token, scopes: ["operator.read"] });
  await again.request("status", {});
});
