// A setup code is made over the wire, carried to another device, and redeemed there by the official
// client; once (N1 A1.1, docs/PROTOCOL.md (g)).

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, follow, newDevice, refused, until } from "./client.mjs";
import { get, startGateway } from "./gateway.mjs";

const FULL = [
  "operator.admin",
  "operator.approvals",
  "operator.pairing",
  "operator.questions",
  "operator.read",
  "operator.talk",
  "operator.talk.secrets",
  "operator.write",
];
const AS_NODE = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
const sorted = (names) => [...names].sort();
const MINUTES_10 = 10 * 60_000;

async function withAdmin(t) {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const admin = await connect(gateway, { token, scopes: ["operator.admin"] });
  return { gateway, token, admin };
}

/** Makes a code: what its maker is told, and what a device reads in it. */
async function make(gateway, admin, params = {}) {
  const made = await admin.request("device.pair.setupCode", { includeQr: false, ...params });
  const read = JSON.parse(Buffer.from(made.setupCode, "base64url").toString("utf8"));
  gateway.secrets.add(read.bootstrapToken);
  return { made, read };
}

/** The official client as a new device that was given a code and nothing else. */
const redeeming = (read, options = {}) => ({
  device: newDevice(),
  clientDisplayName: "kitchen",
  bootstrapToken: read.bootstrapToken,
  preferBootstrapToken: true,
  ...options,
});

test("a setup code: told to its maker once, redeemed by the first device, and followed by its maker", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { made, read } = await make(gateway, admin);
  const { setupId, expiresAtMs, setupCode, ...rest } = made;
  const url = `ws://127.0.0.1:${gateway.port}`;
  assert.deepEqual(rest, { gatewayUrl: url, auth: "token", urlSource: "gateway.bind=loopback", access: "full" });
  assert.ok(Math.abs(expiresAtMs - Date.now() - MINUTES_10) < 60_000);
  const { bootstrapToken, ...told } = read;
  assert.deepEqual(told, { url, expiresAtMs });
  assert.deepEqual(await admin.request("device.pair.setupStatus", { setupId }), {});

  const options = redeeming(read, { scopes: ["operator.admin"] });
  const session = await connect(gateway, options);
  assert.equal(session.hello.auth.method, "bootstrap-token");
  assert.deepEqual(session.hello.auth.scopes, ["operator.admin"]);
  assert.ok(session.hello.auth.deviceToken);
  const { ts, ...completion } = await admin.event("device.pair.setup.completed");
  assert.ok(Math.abs(ts - Date.now()) < 60_000);
  const expected = { setupId, deviceId: options.device.id, deviceName: "kitchen", access: "full" };
  assert.deepEqual(completion, expected);
  const status = await admin.request("device.pair.setupStatus", { setupId });
  assert.deepEqual(status, { completion: { ...expected, ts } });

  // Its own token is all that the device needs from here on.
  await session.stop();
  const { hello } = await connect(gateway, { device: options.device });
  assert.equal(hello.auth.method, "device-token");
  const stranger = "00000000-0000-4000-8000-000000000000";
  const unknown = await admin.refusal("device.pair.setupStatus", { setupId: stranger });
  assert.equal(unknown.details.code, "UNKNOWN_CODE");
});

for (const [bootstrapProfile, access, scopes] of [
  [undefined, "full", FULL],
  ["limited", "limited", ["operator.approvals", "operator.questions", "operator.read", "operator.talk", "operator.write"]],
]) {
  test(`a node that redeems a ${access} code is given its operator's token in the same answer, once`, async (t) => {
    const { gateway, admin } = await withAdmin(t);
    const { made, read } = await make(gateway, admin, { bootstrapProfile });
    assert.equal(made.access, access);
    // As the mobile apps do: a node first, and what comes besides is kept by its role.
    const options = redeeming(read, AS_NODE);
    const { device } = options;
    const node = await connect(gateway, options);
    const { auth } = node.hello;
    assert.deepEqual([auth.method, auth.role, auth.scopes], ["bootstrap-token", "node", []]);
    assert.equal(auth.deviceTokens.length, 1);
    const [{ deviceToken, issuedAtMs, ...besides }] = auth.deviceTokens;
    gateway.secrets.add(deviceToken);
    assert.deepEqual({ ...besides, scopes: sorted(besides.scopes) }, { role: "operator", scopes });
    assert.ok(Math.abs(issuedAtMs - Date.now()) < 60_000);
    assert.notEqual(deviceToken, auth.deviceToken);

    device.tokens.set("operator", { token: deviceToken, scopes: besides.scopes });
    const operator = await connect(gateway, { device });
    assert.deepEqual(sorted(operator.hello.auth.scopes), scopes);
    assert.equal(operator.hello.auth.deviceToken, undefined, "it has its token");
    await node.stop();
    const again = await connect(gateway, { device, ...AS_NODE });
    assert.equal(again.hello.auth.deviceTokens, undefined, "they are told once");
    const [row, ...rest] = (await admin.request("device.pair.list", {})).paired;
    assert.deepEqual([rest, sorted(row.roles)], [[], ["node", "operator"]]);
    const { error } = await refused(gateway, redeeming(read, AS_NODE));
    assert.equal(error.details.authReason, "bootstrap_token_used");
  });
}

test("a code that was used, one that nobody made, and one of somebody who was thrown out: refused apart, and the client stops", async (t) => {
  const { gateway, token, admin } = await withAdmin(t);
  const { read: used } = await make(gateway, admin);
  const first = redeeming(used, { scopes: ["operator.read"] });
  await (await connect(gateway, first)).stop();

  const maker = newDevice();
  const owner = await connect(gateway, { device: maker, token, scopes: ["operator.admin"] });
  const { read: orphaned } = await make(gateway, owner);
  await gateway.host("devices", "remove", maker.id, "--force", "--reason", "thrown out");

  const words = "unauthorized: setup code";
  for (const [read, authReason, message] of [
    [used, "bootstrap_token_used", `${words} already used (create a new code)`],
    [orphaned, "bootstrap_token_invalid", undefined],
    [{ bootstrapToken: "x".repeat(43) }, "bootstrap_token_invalid", undefined],
  ]) {
    const other = redeeming(read, { scopes: ["operator.read"] });
    const { error, ...refusal } = await refused(gateway, other);
    assert.equal(error.details.code, "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert.equal(error.details.authReason, authReason);
    assert.match(refusal.message, /^unauthorized: setup code .*create a new code/);
    if (message) assert.equal(refusal.message, message);
    const followed = follow(gateway, other);
    assert.equal((await followed.nth("pauses", 1)).detailCode, "AUTH_BOOTSTRAP_TOKEN_INVALID");
    assert.deepEqual([followed.hellos.length, followed.refusals.length], [0, 1]);
  }
  const { paired, pending } = await gateway.host("devices", "list");
  assert.deepEqual(paired.map(({ deviceId }) => deviceId), [first.device.id]);
  assert.deepEqual(pending, []);
});

test("two devices race for one code: one is let in, the other is told that it was used", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { read } = await make(gateway, admin);
  const racers = Array.from({ length: 8 }, () => {
    return follow(gateway, redeeming(read, { scopes: ["operator.read"] }));
  });
  await until(
    () => racers.filter(({ hellos, pauses }) => hellos.length + pauses.length === 0).length,
    (open) => open === 0,
  );
  const count = (list) => racers.flatMap((racer) => racer[list]).length;
  assert.deepEqual([count("hellos"), count("refusals")], [1, 7]);
  const reasons = racers.flatMap((racer) => racer.refusals.map(({ authReason }) => authReason));
  assert.deepEqual(new Set(reasons), new Set(["bootstrap_token_used"]));
});

test("the gateway is killed between making and redeeming: the code is good all the same, its URL is not", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { made, read } = await make(gateway, admin, { joinUrl: true, bootstrapProfile: "node" });
  await admin.stop();
  await gateway.restart("SIGKILL");
  const { pathname } = new URL(made.joinUrl);
  assert.equal((await get(gateway.port, pathname)).status, 404);
  const { hello } = await connect(gateway, redeeming(read, AS_NODE));
  assert.equal(hello.auth.role, "node");
});

test("a join URL: fetched once, redeemed as a node", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { made, read } = await make(gateway, admin, { joinUrl: true });
  assert.equal(made.access, "node");
  const join = new URL(made.joinUrl);
  assert.equal(join.host, `127.0.0.1:${gateway.port}`);
  assert.match(join.pathname, /^\/j\/[\w-]{22}$/);
  gateway.secrets.add(join.pathname.slice(3));

  const fetched = await get(gateway.port, join.pathname);
  assert.deepEqual([fetched.status, JSON.parse(fetched.body)], [200, read]);
  const again = await get(gateway.port, join.pathname);
  assert.deepEqual([again.status, JSON.parse(again.body)], [404, { error: "not_found" }]);

  const asOperator = redeeming(read, { scopes: ["operator.read"] });
  const { error } = await refused(gateway, asOperator);
  assert.equal(error.details.code, "WRONG_ROLE", "a node's code makes no operator, and stays good");
  const options = redeeming(read, AS_NODE);
  const session = await connect(gateway, options);
  assert.deepEqual([session.hello.auth.role, session.hello.auth.scopes], ["node", []]);
  assert.equal(session.hello.auth.deviceTokens, undefined, "there is nothing else in it");
  const { deviceId, access } = await admin.event("device.pair.setup.completed");
  assert.deepEqual([deviceId, access], [options.device.id, "node"]);
  await session.stop();
  await connect(gateway, { device: options.device, ...AS_NODE });
});

test("what may not be asked for when a code is made, row by row", async (t) => {
  const { gateway, token, admin } = await withAdmin(t);
  for (const [params, message] of [
    [{ joinUrl: true, bootstrapProfile: "limited" }, "Join URLs require bootstrapProfile=node."],
    [{ bootstrapProfile: "owner" }, /^invalid device.pair.setupCode params: at \/bootstrapProfile/],
    [{ publicUrl: "ws://203.0.113.7:1" }, /without TLS it may only go to this machine/],
    [{ publicUrl: "nonsense" }, /^invalid device.pair.setupCode params: at \/publicUrl/],
  ]) {
    const error = await admin.refusal("device.pair.setupCode", params);
    assert.match(error.message, typeof message === "string" ? new RegExp(message) : message);
  }
  const pairer = await connect(gateway, { token, scopes: ["operator.pairing"] });
  const denied = await pairer.refusal("device.pair.setupCode", {});
  assert.equal(denied.details.missingScope, "operator.admin");
});
