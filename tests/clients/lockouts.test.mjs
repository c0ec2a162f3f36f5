// The official client at a gateway that it gave too many wrong credentials.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

/** The message of the real gateway, on which the client tells a lockout from a wrong token. */
const MESSAGE = "unauthorized: too many failed authentication attempts (retry later)";

test("a locked out client is told when to come back, and a paired device is let in", async (t) => {
  const config = { gateway: { auth: { rateLimit: { maxAttempts: 3, exemptLoopback: false } } } };
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const paired = await connect(gateway, { token, device, scopes: ["operator.read"] });
  for (let attempt = 0; attempt < 3; attempt++) {
    const { error } = await refused(gateway, { token: "not-the-token", scopes: [] });
    assert.equal(error.details.code, "AUTH_TOKEN_MISMATCH", `attempt ${attempt}`);
  }
  // The right token does not help any more, and neither does a new device.
  for (const stranger of [undefined, newDevice()]) {
    const { error, message, close } = await refused(gateway, { token, device: stranger, scopes: [] });
    assert.equal(message, MESSAGE);
    assert.deepEqual(close, { code: 1008, reason: MESSAGE });
    assert.equal(error.details.code, "AUTH_RATE_LIMITED");
    assert.equal(error.details.authReason, "rate_limited");
    assert.equal(error.details.recommendedNextStep, "wait_then_retry");
    assert.equal(error.retryable, true);
    assert.ok(error.retryAfterMs > 200_000 && error.retryAfterMs <= 300_000, `${error.retryAfterMs}`);
  }
  // Who was in stays in, and a paired device comes in: with its own token, and with the shared one.
  await paired.request("status", {});
  await connect(gateway, { device, scopes: ["operator.read"] });
  await connect(gateway, { token, device, scopes: ["operator.read"] });
});
