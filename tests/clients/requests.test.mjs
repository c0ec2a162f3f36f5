// Pairing requests as operators see them: one request is one line and one notice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };

test("N1 A1.3: 100 reconnects of one unpaired client are one request, one id and one notice", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const operator = await connect(gateway, { token, scopes: ["operator.pairing"] });
  const device = newDevice();
  const asked = { device, token, scopes: ["operator.read"] };
  const ids = new Set();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    ids.add((await refused(gateway, asked)).error.details.requestId);
  }
  assert.equal(ids.size, 1);
  const [requestId] = ids;
  const { pending } = await operator.request("device.pair.list", {});
  assert.deepEqual(pending.map((request) => request.requestId), [requestId]);
  assert.ok(pending[0].expiresAtMs > Date.now() + 290_000, "the last attempt counts");

  // Events come in order: once another device's notice is here, all of ours are.
  const other = newDevice();
  await refused(gateway, { device: other, token, scopes: ["operator.read"] });
  await operator.event("device.pair.requested", ({ deviceId }) => deviceId === other.id);
  const notices = operator.heard("device.pair.requested").filter(({ deviceId }) => deviceId === device.id);
  assert.equal(notices.length, 1);
  assert.equal(notices[0].requestId, requestId);
  assert.equal(notices[0].publicKey, device.publicKey);

  await gateway.host("devices", "approve", requestId);
  const resolved = await operator.event("device.pair.resolved");
  assert.equal(resolved.requestId, requestId);
  assert.equal(resolved.decision, "approved");
  await connect(gateway, asked);
  assert.deepEqual(operator.gaps, []);
});

test("events go to those who may see them: pairing news to pairing, presence to readers", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const [pairing, reader] = await Promise.all(
    ["operator.pairing", "operator.read"].map((scope) => connect(gateway, { token, scopes: [scope] })),
  );
  await refused(gateway, { device: newDevice(), token, scopes: ["operator.read"] });
  const { requestId } = await pairing.event("device.pair.requested");
  // A client that is announced, unlike one-shot CLIs and backends.
  const visitor = { token, clientName: "openclaw-tui", mode: "ui", instanceId: "visitor-1" };
  const ui = await connect(gateway, { ...visitor, scopes: ["operator.read"] });
  const here = ({ presence }) => presence.some(({ instanceId }) => instanceId === "visitor-1");
  await reader.event("presence", here);
  const listed = await reader.request("system-presence");
  assert.ok(here({ presence: listed }));
  await ui.stop();
  await reader.event("presence", ({ presence }) => !here({ presence }) && presence.length === 1);

  await gateway.host("devices", "reject", requestId);
  const resolved = await pairing.event("device.pair.resolved");
  assert.deepEqual([resolved.requestId, resolved.decision], [requestId, "rejected"]);
  assert.deepEqual(pairing.heard("presence"), []);
  assert.deepEqual(reader.heard("device.pair.requested"), []);
  assert.deepEqual(reader.heard("device.pair.resolved"), []);
});

test("N1 A1.2: an operator without the scopes cannot approve, and learns which one it lacks", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const { error } = await refused(gateway, { device, token, scopes: ["operator.admin"] });
  const { requestId } = error.details;
  const weak = await connect(gateway, { token, scopes: ["operator.pairing"] });
  const denied = await weak.refusal("device.pair.approve", { requestId });
  assert.equal(denied.gatewayCode, "FORBIDDEN");
  // The official CLI asks again with more scopes when it reads the first words.
  assert.equal(denied.message, "device pairing approval denied: missing scope: operator.admin");
  const strong = await connect(gateway, { token, scopes: ["operator.admin"] });
  await strong.request("device.pair.reject", { requestId });
  const late = await strong.refusal("device.pair.approve", { requestId });
  assert.equal(late.gatewayCode, "INVALID_REQUEST");
  assert.match(late.message, /^unknown requestId/);
  const unknown = { requestId: "00000000-0000-4000-8000-000000000000" };
  assert.equal((await strong.refusal("device.pair.approve", unknown)).message, "unknown requestId");
});
