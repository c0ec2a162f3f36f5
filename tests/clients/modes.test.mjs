// The other proofs that a gateway can ask for: a password, and nothing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { unhinted } from "./raw.mjs";

const PASSWORD = "correct horse battery staple";
const READ = ["operator.read"];

const KINDS = [
  [{ clientName: "cli", mode: "cli" }, "use this gateway's gateway.auth.password or pair the device"],
  [{ clientName: "cli", mode: "probe" }, "provide gateway auth password"],
  [{ clientName: "gateway-client", mode: "backend" }, "provide gateway auth password"],
];

test("password mode: the password opens it, and each kind of client is told what is wrong", async (t) => {
  const config = { gateway: { auth: { mode: "password", password: PASSWORD } } };
  const gateway = await startGateway(t, { config });
  gateway.secrets.add(PASSWORD);
  const session = await connect(gateway, { password: PASSWORD, scopes: READ });
  assert.deepEqual(session.hello.auth.scopes, READ);
  const device = newDevice();
  await (await connect(gateway, { password: PASSWORD, device, scopes: READ })).stop();
  await connect(gateway, { device, scopes: READ });

  for (const [kind, advice] of KINDS) {
    const { error, close } = await refused(gateway, { ...kind, password: "wrong", scopes: READ });
    const message = `unauthorized: gateway password mismatch (${advice})`;
    assert.equal(error.gatewayCode, "INVALID_REQUEST");
    assert.equal(error.message, message);
    assert.deepEqual(unhinted(error.details), {
      code: "AUTH_PASSWORD_MISMATCH",
      authReason: "password_mismatch",
      canRetryWithDeviceToken: false,
      recommendedNextStep: "update_auth_credentials",
    });
    assert.deepEqual(close, { code: 1008, reason: message });
  }
  const missing = await refused(gateway, { device: newDevice(), scopes: READ });
  assert.equal(missing.error.details.code, "AUTH_PASSWORD_MISSING");
  assert.equal(missing.error.details.authReason, "password_missing");
  // The password is no token: where the real gateway takes one for the other, this does not.
  const swapped = await refused(gateway, { token: PASSWORD, scopes: READ });
  assert.equal(swapped.error.details.code, "DEVICE_IDENTITY_REQUIRED");
});

test("token mode: the token as password is refused, the token from the environment opens it", async (t) => {
  const token = "a-token-from-the-environment";
  const gateway = await startGateway(t, { env: { OPENCLAW_GATEWAY_TOKEN: token } });
  gateway.secrets.add(token);
  await connect(gateway, { token, scopes: READ });
  const { error } = await refused(gateway, { password: token, scopes: READ });
  assert.equal(error.details.code, "DEVICE_IDENTITY_REQUIRED");
});

test("mode none: on loopback, clients without any proof hold the loopback grant", async (t) => {
  const gateway = await startGateway(t, { args: ["--auth", "none"] });
  const session = await connect(gateway, { scopes: [] });
  assert.ok(session.hello.auth.scopes.includes("operator.admin"));
  assert.equal(session.hello.snapshot.authMode, "none");
  const narrow = await connect(gateway, { scopes: READ });
  assert.deepEqual(narrow.hello.auth.scopes, READ);
  // A device proves no secret here, so no rule approves it.
  const { error } = await refused(gateway, { device: newDevice(), scopes: READ });
  assert.equal(error.details.code, "PAIRING_REQUIRED");
});

test("a fresh state directory: the gateway makes a token of its own, different every time", async (t) => {
  const gateways = [await startGateway(t), await startGateway(t)];
  const [first, second] = await Promise.all(gateways.map((gateway) => gateway.sharedToken()));
  assert.match(first, /^[A-Za-z0-9_-]{43}$/);
  assert.notEqual(first, second);
  await connect(gateways[0], { token: first, scopes: READ });
  const { error } = await refused(gateways[1], { token: first, scopes: READ });
  assert.equal(error.details.code, "AUTH_TOKEN_MISMATCH");
});
