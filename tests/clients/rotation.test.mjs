// A device's token is replaced: by the device itself, by someone else, with the gateway dying in
// between. Nobody is stranded, and nobody keeps trying what cannot work (N4).

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, follow, newDevice, refused, until } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const READ = ["operator.read"];
const OWN = ["operator.read", "operator.pairing"];

/** A gateway with an operator that may do everything, and a device that holds `scopes`. */
async function withPaired(t, scopes = OWN) {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const admin = await connect(gateway, { token, scopes: ["operator.admin"] });
  const device = newDevice();
  await (await connect(gateway, { device, token, scopes })).stop();
  return { gateway, token, admin, device };
}

/** Lets a device in with this token alone. */
function enter(gateway, device, deviceToken) {
  device.tokens.set("operator", { token: deviceToken, scopes: READ });
  return connect(gateway, { device, scopes: READ });
}

async function mismatch(gateway, device, deviceToken) {
  const { error } = await refused(gateway, { device, deviceToken, scopes: READ });
  assert.equal(error.details.code, "AUTH_DEVICE_TOKEN_MISMATCH");
}

const tokenOf = (device) => device.tokens.get("operator").token;

test("a device rotates its own token: it is told in band and stays; the old one is dead once the new one was used", async (t) => {
  const { gateway, device } = await withPaired(t);
  const old = tokenOf(device);
  const session = await connect(gateway, { device, scopes: OWN });
  const { rotatedAtMs, token, ...rotated } = await session.request("device.token.rotate", {
    deviceId: device.id,
    role: "operator",
  });
  gateway.secrets.add(token);
  assert.deepEqual(rotated, {
    deviceId: device.id,
    role: "operator",
    scopes: OWN,
    tokenDelivery: "in-band",
  });
  assert.ok(Math.abs(Date.now() - rotatedAtMs) < 60_000);
  assert.notEqual(token, old);
  assert.ok(await session.request("status"), "the connection that asked goes on");
  await session.stop();

  const again = await enter(gateway, device, token);
  assert.equal(again.hello.auth.method, "device-token");
  assert.equal(again.hello.auth.deviceToken, undefined, "it has its token");
  await again.stop();
  await mismatch(gateway, device, old);
  const [listed] = (await gateway.host("devices", "list")).paired;
  assert.equal(listed.deviceId, device.id);
});

test("a device that missed the answer comes back with the old token, and is given another one, until it used one", async (t) => {
  const { gateway, device } = await withPaired(t);
  const old = tokenOf(device);
  const session = await connect(gateway, { device, scopes: OWN });
  const { token: missed } = await session.request("device.token.rotate", {
    deviceId: device.id,
    role: "operator",
  });
  gateway.secrets.add(missed);
  await session.stop();

  const given = [];
  for (let lost = 0; lost < 3; lost += 1) {
    // Each time the answer is lost: it comes back with what it had.
    const back = await enter(gateway, device, old);
    given.push(back.hello.auth.deviceToken);
    assert.equal(tokenOf(device), given.at(-1), "the client keeps what it was told");
    await back.stop();
  }
  assert.equal(new Set([old, missed, ...given]).size, 5);
  await (await enter(gateway, device, given.at(-1))).stop();
  for (const dead of [old, missed, given[0], given[1]]) await mismatch(gateway, device, dead);
  await enter(gateway, device, given.at(-1));
});

test("someone else rotates it: the token is withheld, and the device fetches it when it comes next", async (t) => {
  const { gateway, admin, device } = await withPaired(t);
  const old = tokenOf(device);
  const followed = follow(gateway, { device, scopes: OWN });
  await followed.nth("hellos", 1);
  const { rotatedAtMs, ...rotated } = await admin.request("device.token.rotate", {
    deviceId: device.id,
    role: "operator",
  });
  assert.ok(Number.isSafeInteger(rotatedAtMs));
  assert.deepEqual(rotated, {
    deviceId: device.id,
    role: "operator",
    scopes: OWN,
    tokenDelivery: "withheld-cross-device",
  });
  // A gateway that ends the session at once and one that lets it end by itself: both are fine.
  const seen = followed.hellos.length;
  await gateway.restart("SIGTERM");
  const { auth } = await followed.nth("hellos", seen + 1);
  assert.ok(followed.attempts <= 4, `it came back ${followed.attempts} times`);
  assert.deepEqual(followed.refusals, []);
  assert.deepEqual(auth.scopes, OWN);
  await followed.stop();
  const fetched = tokenOf(device);
  assert.notEqual(fetched, old);
  await (await connect(gateway, { device, scopes: READ })).stop();
  assert.equal(tokenOf(device), fetched, "once is enough");
  await mismatch(gateway, device, old);
});

test("a rotation can leave less than was held, and never more than was approved", async (t) => {
  const { gateway, admin, device } = await withPaired(t, ["operator.read", "operator.write"]);
  const rotate = (scopes) => {
    return admin.request("device.token.rotate", { deviceId: device.id, role: "operator", scopes });
  };
  assert.deepEqual((await rotate(READ)).scopes, READ);
  assert.deepEqual((await connect(gateway, { device, scopes: [] })).hello.auth.scopes, READ);
  const { paired } = await admin.request("device.pair.list", {});
  assert.deepEqual(paired[0].scopes, READ, "the list says what is in force");
  assert.deepEqual(paired[0].tokens[0].scopes, READ);
  assert.ok(Number.isSafeInteger(paired[0].tokens[0].rotatedAtMs));
  // What was approved can be put in force again.
  assert.deepEqual((await rotate(["operator.write"])).scopes, ["operator.write"]);
  const beyond = await admin.refusal("device.token.rotate", {
    deviceId: device.id,
    role: "operator",
    scopes: ["operator.approvals"],
  });
  assert.equal(beyond.details.code, "BEYOND_BASELINE");
  assert.match(beyond.message, /^device token rotation denied: operator.approvals was never approved/);
});

test("whoever may pair narrows a device to what they hold themselves, as the official command line does", async (t) => {
  const { gateway, token, device } = await withPaired(t, ["operator.read", "operator.write"]);
  // `openclaw devices rotate --scope operator.read` connects with that scope and no more.
  const cli = await connect(gateway, { token, scopes: ["operator.pairing", "operator.read"] });
  const params = { deviceId: device.id, role: "operator", scopes: READ };
  assert.deepEqual((await cli.request("device.token.rotate", params)).scopes, READ);
  assert.deepEqual((await connect(gateway, { device, scopes: [] })).hello.auth.scopes, READ);
  const back = await cli.refusal("device.token.rotate", { ...params, scopes: ["operator.write"] });
  assert.equal(back.details.missingScope, "operator.write");
});

test("what stands in the way of a rotation or a revocation is told apart", async (t) => {
  const { gateway, token, admin, device } = await withPaired(t);
  const other = newDevice();
  await (await connect(gateway, { device: other, token, scopes: ["operator.admin"] })).stop();
  const own = await connect(gateway, { device, scopes: OWN });
  const pairer = await connect(gateway, { token, scopes: ["operator.pairing"] });
  const operator = (id) => ({ deviceId: id, role: "operator" });
  const node = (id) => ({ deviceId: id, role: "node" });
  const nobody = "0".repeat(64);
  for (const [session, params, code, words] of [
    [admin, operator(nobody), "UNKNOWN_DEVICE", /^unknown deviceId$/],
    [admin, operator("nobody"), "UNKNOWN_DEVICE", /^unknown deviceId$/],
    [own, operator(other.id), "NOT_YOUR_DEVICE", /denied: not your device$/],
    [pairer, operator(other.id), "BEYOND_APPROVER", /denied: missing scope: operator\.admin$/],
  ]) {
    const error = await session.refusal("device.token.rotate", params);
    assert.equal(error.details.code, code, JSON.stringify(params));
    assert.match(error.message, words);
  }
  const noGrant = await admin.refusal("device.token.rotate", node(device.id));
  assert.equal(noGrant.details.code, "NO_GRANT");
  assert.equal(noGrant.message, "device token rotation denied: the device has no grant as node");
  const wrongRole = await admin.refusal("device.token.rotate", { deviceId: device.id, role: "x" });
  assert.equal(
    wrongRole.message,
    "invalid device.token.rotate params: at /role: must be equal to one of the allowed values",
  );
  const notYours = await own.refusal("device.token.revoke", operator(other.id));
  assert.equal(notYours.message, "device token revocation denied: not your device");
  // Nothing of that changed anything.
  await (await connect(gateway, { device, scopes: READ })).stop();
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`${signal} right after a rotation: the device that was told, and the one that was not, come back once`, async (t) => {
    const { gateway, token, admin, device } = await withPaired(t);
    const told = newDevice();
    await (await connect(gateway, { device: told, token, scopes: OWN })).stop();
    const followers = [told, device].map((device) => follow(gateway, { device, scopes: OWN }));
    await Promise.all(followers.map((followed) => followed.nth("hellos", 1)));
    const rotated = await followers[0].request("device.token.rotate", {
      deviceId: told.id,
      role: "operator",
    });
    gateway.secrets.add(rotated.token);
    told.tokens.set("operator", { token: rotated.token, scopes: OWN });
    const before = [told, device].map(tokenOf);
    await admin.request("device.token.rotate", { deviceId: device.id, role: "operator" });
    const seen = followers.map((followed) => followed.hellos.length);
    await gateway.restart(signal);
    for (const [at, followed] of followers.entries()) {
      await followed.nth("hellos", seen[at] + 1);
      assert.deepEqual(followed.refusals, []);
      assert.ok(followed.hellos.length <= 3, `it came back ${followed.hellos.length} times`);
    }
    assert.equal(tokenOf(told), before[0], "it was told before");
    assert.notEqual(tokenOf(device), before[1], "it fetched the new one");
    await until(
      () => gateway.host("devices", "list"),
      ({ paired }) => paired.length === 2 && paired.every(({ connected }) => connected),
    );
  });
}
