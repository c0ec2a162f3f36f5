// Grants that end, as official clients hear of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };

test("N16 A16.2: an operator who may pair is warned before a grant ends, and goes on", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const [pairing, reader] = await Promise.all(
    ["operator.pairing", "operator.read"].map((scope) => connect(gateway, { token, scopes: [scope] })),
  );
  const device = newDevice();
  const asked = { device, token, scopes: ["operator.read"] };
  const { requestId } = (await refused(gateway, asked)).error.details;
  // A little longer than a day, so that its last day begins a little later.
  await gateway.host("devices", "approve", requestId, "--until", "86405s");
  const warned = await connect(gateway, asked);
  const told = await pairing.event("doorward.grant.ending", undefined, 20_000);
  assert.equal(told.kind, "device");
  assert.equal(told.deviceId, device.id);
  assert.equal(told.role, "operator");
  assert.ok(told.untilMs - told.ts <= 86_400_000, JSON.stringify(told));
  for (const session of [pairing, reader, warned]) await session.request("doorward.whoami", {});
  assert.deepEqual(reader.heard("doorward.grant.ending"), []);
  assert.deepEqual(pairing.gaps, []);
});
