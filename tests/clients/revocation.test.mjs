// A device loses its grant, or is taken out, while its client is there. The client is told once what
// is wrong, and stops trying (openclaw: an endless "Reconnecting...").

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { connect, follow, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const READ = ["operator.read"];

/** Long enough for the official client to try again, if it were to: it waits for 1 s, then 2 s. */
const WOULD_RETRY_MS = 4_000;

/** A gateway with an operator that may do everything, and a device that holds `scopes`. */
async function withPaired(t, scopes = READ) {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const admin = await connect(gateway, { token, scopes: ["operator.admin"] });
  const device = newDevice();
  await (await connect(gateway, { device, token, scopes })).stop();
  return { gateway, token, admin, device };
}

const WAYS = {
  revoked: ["device.token.revoke", (device) => ({ deviceId: device.id, role: "operator" })],
  removed: ["device.pair.remove", (device) => ({ deviceId: device.id })],
};

test("the answers are the real gateway's, and revoking twice is answered twice", async (t) => {
  const { gateway, admin, device } = await withPaired(t);
  for (let time = 0; time < 2; time += 1) {
    const { revokedAtMs, ...revoked } = await admin.request(...call("revoked", device));
    assert.deepEqual(revoked, { deviceId: device.id, role: "operator" });
    assert.ok(Math.abs(Date.now() - revokedAtMs) < 60_000);
  }
  const { paired } = await admin.request("device.pair.list", {});
  assert.deepEqual(paired[0].tokens, [], "the device is still known, and holds nothing");
  assert.deepEqual(await admin.request(...call("removed", device)), { deviceId: device.id });
  const gone = await admin.refusal(...call("removed", device));
  assert.equal(gone.message, "unknown deviceId");
  assert.equal(gone.details.code, "UNKNOWN_DEVICE");
  assert.deepEqual((await gateway.host("devices", "list")).paired, []);
});

function call(way, device) {
  const [method, params] = WAYS[way];
  return [method, params(device)];
}

for (const way of Object.keys(WAYS)) {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    test(`${way}, then ${signal}: a client with its device token alone stops after one refusal`, async (t) => {
      const { gateway, admin, device } = await withPaired(t);
      const followed = follow(gateway, { device, scopes: READ });
      await followed.nth("hellos", 1);
      await admin.request(...call(way, device));
      await gateway.restart(signal);
      const { detailCode } = await followed.nth("pauses", 1);
      assert.equal(detailCode, "AUTH_DEVICE_TOKEN_MISMATCH");
      assert.equal(device.tokens.size, 0, "the client dropped the token");
      await sleep(WOULD_RETRY_MS);
      assert.deepEqual([followed.hellos.length, followed.refusals.length], [1, 1]);
    });
  }

  test(`${way}: a client that also has the shared token waits for an approval, and a rule does not undo it`, async (t) => {
    const { gateway, token, admin, device } = await withPaired(t);
    const followed = follow(gateway, { device, token, scopes: READ });
    await followed.nth("hellos", 1);
    await admin.request(...call(way, device));
    await gateway.restart("SIGTERM");
    const { detailCode } = await followed.nth("pauses", 1);
    assert.equal(detailCode, "PAIRING_REQUIRED");
    await sleep(WOULD_RETRY_MS);
    assert.deepEqual([followed.hellos.length, followed.refusals.length], [1, 1]);
    const [{ reason, requestId }] = followed.refusals;
    assert.equal(reason, "not-paired");
    await gateway.host("devices", "approve", requestId);
    await (await connect(gateway, { device, token, scopes: READ })).stop();
  });

  // Needs live sessions that follow the ledger.
  test(`${way} while connected: the session is closed with a named code, and the client stops`, async (t) => {
    const { gateway, admin, device } = await withPaired(t);
    const followed = follow(gateway, { device, scopes: READ });
    await followed.nth("hellos", 1);
    const bystander = follow(gateway, { token: await gateway.sharedToken(), scopes: READ });
    await bystander.nth("hellos", 1);
    await admin.request(...call(way, device));
    const { code, reason } = await followed.nth("closes", 1, 2_000);
    assert.equal(code, 4001);
    assert.ok(reason, "the reason has a name");
    assert.equal((await followed.nth("pauses", 1)).detailCode, "AUTH_DEVICE_TOKEN_MISMATCH");
    await sleep(WOULD_RETRY_MS);
    assert.deepEqual([followed.hellos.length, followed.refusals.length], [1, 1]);
    assert.deepEqual(bystander.closes, [], "nobody else notices");
  });
}

test("a device takes itself out, and not another one", async (t) => {
  const { gateway, token, device } = await withPaired(t);
  const other = newDevice();
  await (await connect(gateway, { device: other, token, scopes: READ })).stop();
  const own = await connect(gateway, { device, scopes: READ });
  const error = await own.refusal("device.pair.remove", { deviceId: other.id });
  assert.equal(error.gatewayCode, "FORBIDDEN");
  assert.equal(error.message, "device pairing removal denied: not your device");
  assert.equal(error.details.code, "NOT_YOUR_DEVICE");
  assert.deepEqual(await own.request("device.pair.remove", { deviceId: device.id }), {
    deviceId: device.id,
  });
  const { paired } = await gateway.host("devices", "list");
  assert.deepEqual(paired.map(({ deviceId }) => deviceId), [other.id]);
  const { error: gone } = await refused(gateway, { device, scopes: READ });
  assert.equal(gone.details.code, "AUTH_DEVICE_TOKEN_MISMATCH");
});

test("N1 A1.7: the last device with operator.admin stays, and the refusal says what would help", async (t) => {
  const { gateway, token, admin, device } = await withPaired(t, ["operator.admin"]);
  for (const way of Object.keys(WAYS)) {
    const error = await admin.refusal(...call(way, device));
    assert.equal(error.details.code, "LAST_ADMIN");
    assert.match(error.message, /denied: nobody else holds operator.admin; .* --force --reason/);
    assert.match(error.details.remediationHint, /--force --reason/);
  }
  await (await connect(gateway, { device, scopes: ["operator.admin"] })).stop();
  const second = newDevice();
  await (await connect(gateway, { device: second, token, scopes: ["operator.admin"] })).stop();
  await admin.request(...call("revoked", device));
});
