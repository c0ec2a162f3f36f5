// A service token where the shared one would be: with exactly its scopes, with or without a device,
// and gone for its own sockets alone when it is taken away (N3).

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, follow, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const READ = ["operator.read"];
const APPROVES = ["operator.read", "operator.pairing"];
const sorted = (names) => [...names].sort();

async function withAdmin(t) {
  const gateway = await startGateway(t);
  const shared = await gateway.sharedToken();
  const admin = await connect(gateway, { token: shared, scopes: ["operator.admin"] });
  return { gateway, shared, admin };
}

async function create(gateway, admin, order) {
  const made = await admin.request("doorward.tokens.create", order);
  gateway.secrets.add(made.token);
  return made;
}

const BESIDE = { "without a device": () => ({}), "with a device": () => ({ device: newDevice() }) };

for (const [name, beside] of Object.entries(BESIDE)) {
  test(`N3 A3.2, ${name}: exactly its scopes, and no device is paired or asks to be`, async (t) => {
    const { gateway, admin } = await withAdmin(t);
    const { id, token } = await create(gateway, admin, { name: "grafana", scopes: APPROVES });
    const options = beside();
    for (const [asked, held] of [
      [[], APPROVES],
      [READ, READ],
      [["operator.read", "operator.write"], READ],
      [["operator.admin"], APPROVES],
    ]) {
      const session = await connect(gateway, { token, scopes: asked, ...options });
      const { auth } = session.hello;
      assert.equal(auth.method, "service-token");
      assert.deepEqual(sorted(auth.scopes), sorted(held), `asked for ${asked}`);
      assert.equal(auth.deviceToken, undefined, "a device beside it gets nothing by it");
      const lists = held === APPROVES ? "answered" : "MISSING_SCOPE";
      const listed = session.request("device.pair.list", {}).then(() => "answered");
      assert.equal(await listed.catch(({ details }) => details.code), lists);
      const writes = await session.refusal("doorward.tokens.create", { name: "x", scopes: ["operator.write"] });
      assert.ok(["MISSING_SCOPE", "BEYOND_APPROVER"].includes(writes.details.code));
      await session.stop();
    }
    const { pending, paired } = await gateway.host("devices", "list");
    assert.deepEqual([pending, paired], [[], []]);
    const { tokens } = await admin.request("doorward.tokens.list", {});
    const [{ lastUsedAtMs, createdAtMs, ...row }] = tokens;
    assert.ok(lastUsedAtMs >= createdAtMs);
    assert.deepEqual(
      { ...row, scopes: sorted(row.scopes) },
      { id, name: "grafana", scopes: sorted(APPROVES), ranges: [], createdBy: "shared-secret" },
    );
  });

  test(`N3 A3.3, ${name}: revoked, its own sockets close and nobody else's; its client stops`, async (t) => {
    const { gateway, shared, admin } = await withAdmin(t);
    const device = newDevice();
    await (await connect(gateway, { device, token: shared, scopes: READ })).stop();
    const { id, token } = await create(gateway, admin, { name: "grafana", scopes: READ });
    const other = await create(gateway, admin, { name: "backup", scopes: READ });
    const own = [1, 2].map(() => follow(gateway, { token, scopes: READ, ...beside() }));
    const others = [
      { token: other.token, ...beside() },
      { token: shared },
      { device },
    ].map((options) => follow(gateway, { scopes: READ, ...options }));
    await Promise.all([...own, ...others].map((followed) => followed.nth("hellos", 1)));

    const { seq, ...revoked } = await admin.request("doorward.tokens.revoke", { id });
    assert.deepEqual(revoked, { id });
    for (const followed of own) {
      const closed = await followed.nth("closes", 1, 1_000);
      assert.deepEqual(closed, { code: 4001, reason: "service token revoked" });
      assert.equal((await followed.nth("pauses", 1)).detailCode, "AUTH_TOKEN_MISMATCH");
      assert.deepEqual([followed.hellos.length, followed.refusals.length], [1, 1]);
    }
    for (const followed of others) {
      assert.ok(await followed.request("status"));
      assert.deepEqual([followed.attempts, followed.closes], [1, []]);
    }
  });
}

test("rotated: its sockets close by name, the new secret opens, the old one does not", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { id, token } = await create(gateway, admin, { name: "grafana", scopes: READ });
  const followed = follow(gateway, { token, scopes: READ });
  await followed.nth("hellos", 1);
  const rotated = await admin.request("doorward.tokens.rotate", { id });
  gateway.secrets.add(rotated.token);
  assert.deepEqual(await followed.nth("closes", 1, 1_000), { code: 4001, reason: "service token rotated" });
  assert.equal((await followed.nth("pauses", 1)).detailCode, "AUTH_TOKEN_MISMATCH");
  assert.equal(followed.refusals.length, 1);
  const again = await connect(gateway, { token: rotated.token, scopes: READ });
  assert.deepEqual(again.hello.auth.scopes, READ);
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`N3 A3.3, ${signal}: the shared secret is rotated, the gateway restarts, and a service token does not notice`, async (t) => {
    const { gateway, shared, admin } = await withAdmin(t);
    const { token } = await create(gateway, admin, { name: "grafana", scopes: READ });
    const followed = follow(gateway, { token, scopes: READ });
    await followed.nth("hellos", 1);
    const { changed } = await admin.request("doorward.auth.rotate", {});
    assert.equal(changed, true);
    assert.deepEqual(await admin.closed(), { code: 4001, reason: "shared secret rotated" });
    assert.ok(await followed.request("status"));
    await gateway.restart(signal);
    assert.deepEqual((await followed.nth("hellos", 2)).auth.scopes, READ);
    assert.deepEqual(followed.refusals.filter(({ code }) => code), []);
    const { error } = await refused(gateway, { token: shared, scopes: READ });
    assert.equal(error.details.code, "AUTH_TOKEN_MISMATCH");
    await gateway.sharedToken();
  });
}

test("a service token is no credential for a node", async (t) => {
  const { gateway, admin } = await withAdmin(t);
  const { token } = await create(gateway, admin, { name: "grafana", scopes: ["operator.admin"] });
  const node = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
  const device = newDevice();
  const asNode = await refused(gateway, { device, token, ...node });
  assert.equal(asNode.error.details.code, "WRONG_ROLE");
  assert.deepEqual((await gateway.host("devices", "list")).pending, []);
});
