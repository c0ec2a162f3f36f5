// A connected device asks for more with the official helper and waits, while someone decides, and
// while the gateway dies and comes back (N4 A4.2). Its new token is with it before the old one dies.

import assert from "node:assert/strict";
import { test } from "node:test";

import { GatewayScopeUpgrade } from "@openclaw/gateway-client/scope-upgrade";

import { connect, follow, newDevice, refused, until } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const READ = ["operator.read"];
const MORE = ["operator.read", "operator.approvals"];
const sorted = (names) => [...names].sort();
const tokenOf = (device) => device.tokens.get("operator")?.token;

/** A gateway, someone who may approve, and a connected device that may read and has its own token. */
async function withReader(t) {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const admin = await connect(gateway, { token, scopes: ["operator.admin"] });
  const device = newDevice();
  await (await connect(gateway, { device, token, scopes: READ })).stop();
  const host = new Host(gateway, device);
  await host.client.nth("hellos", 1);
  return { gateway, admin, device, host };
}

/** An application that embeds the client and the helper, as its makers mean them to be used. */
class Host {
  constructor(gateway, device) {
    this.gateway = gateway;
    this.device = device;
    this.#start();
    this.helper = new GatewayScopeUpgrade({
      request: (method, params, options) => this.client.request(method, params, options),
      tokenStore: {
        store: ({ role, token, scopes }) => {
          gateway.secrets.add(token);
          this.handedOver = { stillThere: this.client.closes.length === 0, scopes };
          device.tokens.set(role, { token, scopes });
        },
      },
      reconnect: () => {
        this.client.client.stop();
        this.before = this.client;
        this.#start();
      },
    });
  }

  // It asks for nothing in particular: the client then asks for what its token was given with.
  #start() {
    this.client = follow(this.gateway, { device: this.device });
  }

  /** Asks for more: `{requestId, outcome}`. */
  async ask(scopes = MORE) {
    const pending = Promise.withResolvers();
    const outcome = this.helper.requestScopeUpgrade({
      scopes,
      onPending: pending.resolve,
      binding: { clientId: "cli", deviceId: this.device.id, role: "operator" },
    });
    outcome.catch((error) => pending.reject(error));
    return { requestId: await pending.promise, outcome };
  }
}

const shown = async (gateway) => (await gateway.host("devices", "list")).pending;

test("approved while it waits: the new token arrives on the session of the old one, which it does not end", async (t) => {
  const { gateway, admin, device, host } = await withReader(t);
  const old = tokenOf(device);
  const { requestId, outcome } = await host.ask();
  const listed = await admin.request("device.pair.list", {});
  assert.deepEqual(listed.pending.map((row) => [row.requestId, row.deviceId]), [[requestId, device.id]]);
  await admin.request("device.pair.approve", { requestId });
  const { scopes, ...told } = await outcome;
  assert.deepEqual(told, { status: "approved", requestId });
  assert.deepEqual(sorted(scopes), sorted(MORE));
  assert.equal(host.handedOver.stillThere, true, "the session that waited is there to be told");
  const upgraded = tokenOf(device);
  assert.notEqual(upgraded, old);

  const { auth } = await host.client.nth("hellos", 1);
  assert.deepEqual(sorted(auth.scopes), sorted(MORE));
  assert.equal(auth.deviceToken, undefined, "it has its token");
  // The client drops what it stored when it is told of a mismatch, so the old token is tried apart.
  const stale = { ...device, tokens: new Map([["operator", { token: old, scopes: READ }]]) };
  const { error } = await refused(gateway, { device: stale });
  assert.equal(error.details.code, "AUTH_DEVICE_TOKEN_MISMATCH");
  assert.deepEqual([host.before.refusals, host.client.refusals], [[], []]);
  assert.deepEqual([host.before.attempts, host.client.attempts], [1, 1]);
});

test("approved, and the answer is lost: the old token still opens what it is for, and asking again brings the new one", async (t) => {
  const { gateway, admin, device, host } = await withReader(t);
  const old = tokenOf(device);
  const { requestId, outcome } = await host.ask();
  outcome.catch(() => {});
  await host.client.stop();
  await admin.request("device.pair.approve", { requestId });
  const back = new Host(gateway, device);
  const { auth } = await back.client.nth("hellos", 1);
  assert.deepEqual(auth.scopes, READ, "what its old token was given with");
  const again = await back.ask();
  assert.equal((await again.outcome).status, "approved");
  assert.notEqual(tokenOf(device), old);
  assert.deepEqual(sorted((await back.client.nth("hellos", 1)).auth.scopes), sorted(MORE));
  assert.deepEqual(await shown(gateway), [], "nothing was asked for twice");
  assert.deepEqual(back.before.refusals, []);
});

test("rejected while it waits: it is told so, keeps its token and stays", async (t) => {
  const { gateway, admin, device, host } = await withReader(t);
  const old = tokenOf(device);
  const { requestId, outcome } = await host.ask();
  await admin.request("device.pair.reject", { requestId });
  assert.deepEqual(await outcome, { status: "rejected", requestId });
  assert.equal(tokenOf(device), old);
  assert.ok(await host.client.request("status"));
  assert.deepEqual([host.client.attempts, host.client.closes], [1, []]);
  assert.deepEqual(await shown(gateway), []);
});

test("a wider request replaces the one that is waited for, and an approval of the old id helps nobody", async (t) => {
  const { gateway, admin, device, host } = await withReader(t);
  const first = await host.ask();
  const wider = [...MORE, "operator.write"];
  const { requestId } = await host.client.request("device.scopes.requestUpgrade", { scopes: wider });
  assert.notEqual(requestId, first.requestId);
  assert.deepEqual(await first.outcome, { status: "expired", requestId: first.requestId });
  const late = await admin.refusal("device.pair.approve", { requestId: first.requestId });
  assert.equal(late.details.code, "REQUEST_SUPERSEDED");
  assert.deepEqual((await shown(gateway)).map((row) => row.requestId), [requestId]);
  assert.equal(host.client.attempts, 1);
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`${signal} while it waits: it comes back once, finds its own request again, and gets the token`, async (t) => {
    const { gateway, device, host } = await withReader(t);
    const old = tokenOf(device);
    const { requestId, outcome } = await host.ask();
    const cut = assert.rejects(outcome);
    await gateway.restart(signal);
    await cut;
    const { auth } = await host.client.nth("hellos", 2);
    assert.deepEqual(auth.scopes, READ);
    const again = await host.ask();
    assert.equal(again.requestId, requestId, "one request, whatever happens to the gateway");
    assert.deepEqual((await shown(gateway)).map((row) => row.requestId), [requestId]);
    await gateway.host("devices", "approve", requestId);
    assert.equal((await again.outcome).status, "approved");
    assert.notEqual(tokenOf(device), old);
    assert.deepEqual(sorted((await host.client.nth("hellos", 1)).auth.scopes), sorted(MORE));
    assert.deepEqual([host.before.hellos.length, host.before.refusals], [2, []]);
    assert.equal(host.client.attempts, 1);
  });

  test(`${signal} right after the approval: the client has a token that works, old or new, and needs no second approval`, async (t) => {
    const { gateway, device, host } = await withReader(t);
    const { requestId, outcome } = await host.ask();
    // It is told before the gateway dies, or it is not: both must end well.
    const told = outcome.then(() => true, () => false);
    await gateway.host("devices", "approve", requestId);
    await gateway.restart(signal);
    const first = host.before ?? host.client;
    if (!(await told)) {
      await host.client.nth("hellos", 2);
      assert.equal((await (await host.ask()).outcome).status, "approved");
    }
    await until(() => host.client.request("status").catch(() => null), Boolean);
    assert.deepEqual(sorted(host.client.hellos.at(-1).auth.scopes), sorted(MORE));
    assert.deepEqual(await shown(gateway), []);
    for (const client of new Set([first, host.before, host.client])) {
      // An attempt may meet the gateway while it is away, which refuses nothing.
      assert.deepEqual(client.refusals.filter(({ code }) => code), []);
      assert.ok(client.hellos.length <= 2, `it came ${client.hellos.length} times`);
    }
    const kept = tokenOf(device);
    await (await connect(gateway, { device, scopes: MORE })).stop();
    assert.equal(tokenOf(device), kept);
  });
}

test("rotated by someone else while it waits: it comes back once, with another token, to the request that it left", async (t) => {
  const { gateway, admin, device, host } = await withReader(t);
  const old = tokenOf(device);
  const { requestId, outcome } = await host.ask();
  const cut = assert.rejects(outcome);
  await admin.request("device.token.rotate", { deviceId: device.id, role: "operator" });
  await cut;
  assert.deepEqual(await host.client.nth("closes", 1), { code: 4001, reason: "device token rotated" });
  const { auth } = await host.client.nth("hellos", 2);
  assert.equal(auth.deviceToken, tokenOf(device));
  assert.notEqual(tokenOf(device), old);
  const again = await host.ask();
  assert.equal(again.requestId, requestId);
  await admin.request("device.pair.approve", { requestId });
  assert.equal((await again.outcome).status, "approved");
  assert.deepEqual(sorted((await host.client.nth("hellos", 1)).auth.scopes), sorted(MORE));
  assert.deepEqual([host.before.attempts, host.before.refusals], [2, []]);
});

for (const [way, method] of [["revoked", "device.token.revoke"], ["removed", "device.pair.remove"]]) {
  test(`${way} while it waits: the request goes with it, and the client stops after one refusal`, async (t) => {
    const { gateway, admin, device, host } = await withReader(t);
    const { requestId, outcome } = await host.ask();
    const told = outcome.then(({ status }) => status, () => "cut off");
    const role = way === "revoked" ? { role: "operator" } : {};
    await admin.request(method, { deviceId: device.id, ...role });
    assert.ok(["rejected", "cut off"].includes(await told));
    assert.equal((await host.client.nth("pauses", 1)).detailCode, "AUTH_DEVICE_TOKEN_MISMATCH");
    assert.deepEqual([host.client.hellos.length, host.client.refusals.length], [1, 1]);
    assert.deepEqual(await shown(gateway), []);
    const late = await admin.refusal("device.pair.approve", { requestId });
    assert.match(late.message, /^unknown requestId/);
  });
}
