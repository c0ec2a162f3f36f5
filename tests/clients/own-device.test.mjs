// What a device may do for itself with no scope at all, and the name that its operator gave it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const READ = ["operator.read"];
const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };

async function withPaired(t, scopes = READ) {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const admin = await connect(gateway, { token, scopes: ["operator.admin"] });
  const device = await pair(gateway, token, scopes);
  return { gateway, token, admin, device };
}

/** Has a device ask, and the host approve it. */
async function pair(gateway, token, scopes, device = newDevice()) {
  const requestId = await ask(gateway, { device, token, scopes });
  await gateway.host("devices", "approve", requestId);
  await (await connect(gateway, { device, token, scopes })).stop();
  return device;
}

const ask = async (gateway, options) => (await refused(gateway, options)).error.details.requestId;
const paired = async (admin) => (await admin.request("device.pair.list", {})).paired;

test("N1 A1.6: a device withdraws its own request with no scope at all, and nobody else's", async (t) => {
  const { gateway, token, admin, device } = await withPaired(t, []);
  const wider = { device, token, scopes: READ };
  const own = await ask(gateway, wider);
  const other = newDevice();
  const theirs = await ask(gateway, { device: other, token, scopes: READ });

  const session = await connect(gateway, { device, token, scopes: [] });
  assert.deepEqual(session.hello.auth.scopes, []);
  const denied = await session.refusal("device.pair.reject", { requestId: theirs });
  assert.equal(denied.details.missingScope, "operator.pairing");
  const withdrawn = await session.request("device.pair.reject", { requestId: own });
  assert.deepEqual(withdrawn, { requestId: own, deviceId: device.id });
  const resolved = await admin.event("device.pair.resolved", ({ requestId }) => requestId === own);
  assert.equal(resolved.decision, "rejected");
  const { pending } = await admin.request("device.pair.list", {});
  assert.deepEqual(pending.map(({ requestId }) => requestId), [theirs]);
  const late = await admin.refusal("device.pair.approve", { requestId: own });
  assert.match(late.message, /^unknown requestId/);
  const known = await paired(admin);
  assert.deepEqual(known.map(({ scopes }) => scopes), [[]], "it keeps what it has");
  await session.stop();

  // Nobody turned it down, so it may ask again.
  assert.notEqual(await ask(gateway, wider), own);
});

test("an operator's name for a device survives upgrade, revocation and a new pairing of the same key", async (t) => {
  const { gateway, token, admin, device } = await withPaired(t);
  const label = "Kitchen tablet";
  const renamed = await admin.request("device.pair.rename", { deviceId: device.id, label });
  assert.deepEqual(renamed, { deviceId: device.id, label });
  await admin.event("device.pair.changed");
  const named = async (what) => {
    const rows = await paired(admin);
    assert.deepEqual(rows.map((row) => [row.deviceId, row.operatorLabel]), [[device.id, label]], what);
  };
  await named("renamed");

  await pair(gateway, token, ["operator.read", "operator.write"], device);
  await named("upgraded");
  await (await connect(gateway, { device, token, scopes: READ, platform: "darwin", clientDisplayName: "x" })).stop();
  await named("says something else about itself");
  await admin.request("device.token.revoke", { deviceId: device.id, role: "operator" });
  await named("revoked");
  await pair(gateway, token, READ, device);
  await named("paired again");
  await gateway.restart("SIGKILL");
  const again = await connect(gateway, { token, scopes: ["operator.admin"] });
  assert.equal((await paired(again))[0].operatorLabel, label);
});

test("what a name may be, row by row", async (t) => {
  const { admin, device } = await withPaired(t);
  const invalid = "invalid device.pair.rename params: at /label";
  for (const [label, message] of [
    ["", `${invalid}: must not have fewer than 1 characters`],
    ["   ", "label required"],
    ["x".repeat(65), `${invalid}: must not have more than 64 characters`],
  ]) {
    const error = await admin.refusal("device.pair.rename", { deviceId: device.id, label });
    assert.equal(error.message, message);
  }
  const longest = "x".repeat(64);
  await admin.request("device.pair.rename", { deviceId: device.id, label: longest });
  assert.equal((await paired(admin))[0].operatorLabel, longest);
});
