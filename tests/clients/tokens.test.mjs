// A device's own token: what it opens, what it does not, and how the official client recovers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newClient, newDevice, refused, within } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { unhinted } from "./raw.mjs";

const READ = ["operator.read"];

/** A gateway and a device that was paired to read; it holds its token. */
async function withPaired(t) {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const device = newDevice();
  await (await connect(gateway, { device, token, scopes: READ })).stop();
  return { gateway, token, device, deviceToken: device.tokens.get("operator").token };
}

test("a device token beyond its grant is refused, and leaves no request behind", async (t) => {
  const { gateway, device } = await withPaired(t);
  const { error, message, close } = await refused(gateway, { device, scopes: ["operator.write"] });
  assert.equal(
    message,
    "unauthorized: device token scope mismatch (re-pair or approve scope upgrade)",
  );
  assert.deepEqual(unhinted(error.details), {
    code: "AUTH_SCOPE_MISMATCH",
    authReason: "scope_mismatch",
    canRetryWithDeviceToken: false,
    recommendedNextStep: "review_auth_configuration",
  });
  assert.deepEqual(close, { code: 1008, reason: message });
  assert.deepEqual((await gateway.host("devices", "list")).pending, []);
});

test("a device token opens nothing for another device, in another role, or without a device", async (t) => {
  const { gateway, device, deviceToken } = await withPaired(t);
  const asNode = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
  for (const [options, code] of [
    [{ device: newDevice(), scopes: READ }, "AUTH_DEVICE_TOKEN_MISMATCH"],
    [{ device, ...asNode }, "AUTH_DEVICE_TOKEN_MISMATCH"],
    [{ scopes: READ, deviceToken: undefined, token: deviceToken }, "AUTH_TOKEN_MISMATCH"],
  ]) {
    const { error } = await refused(gateway, { deviceToken, ...options });
    assert.equal(error.details.code, code);
  }
  await connect(gateway, { device, deviceToken, scopes: READ });
});

test("a stale device token is dropped by the client, which then needs the shared token again", async (t) => {
  const { gateway, token, device } = await withPaired(t);
  device.tokens.set("operator", { token: "x".repeat(43), scopes: READ });
  const { error } = await refused(gateway, { device, scopes: READ });
  assert.equal(error.details.code, "AUTH_DEVICE_TOKEN_MISMATCH");
  assert.equal(device.tokens.size, 0);
  const session = await connect(gateway, { device, token, scopes: READ });
  assert.deepEqual(session.hello.auth.scopes, READ);
});

test("N4 A4.4: with a wrong shared token, the client is told to use its device token, and gets in", async (t) => {
  const { gateway, device } = await withPaired(t);
  const hello = Promise.withResolvers();
  const client = newClient(gateway, {
    device,
    token: "not-the-token-0123456789",
    scopes: READ,
    onHelloOk: hello.resolve,
  });
  const before = gateway.connections.length;
  client.start();
  const { auth } = await within(hello.promise, "the client comes back with its device token");
  assert.deepEqual(auth.scopes, READ);
  assert.equal(gateway.connections.length - before, 2, "one refusal, one retry");
});
