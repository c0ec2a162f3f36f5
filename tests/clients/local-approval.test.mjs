// What the gateway approves by itself on the same machine, and what it never does again after a
// person said no.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

/** Records of one device, oldest first. */
async function recordsOf(gateway, device) {
  const { lines } = await gateway.cli("audit", "log", "--from", "0");
  return lines.filter(({ event }) => event.deviceId === device.id);
}

test("N5 A5.1: a local device with the shared token is in at once, by the rule that the ledger names", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const device = newDevice();
  const session = await connect(gateway, { device, token, scopes: ["operator.write"] });
  assert.deepEqual(session.hello.auth.scopes, ["operator.write"]);
  assert.equal(session.hello.auth.deviceToken, device.tokens.get("operator").token);

  const [approved, issued, ...others] = await recordsOf(gateway, device);
  assert.deepEqual(others, []);
  assert.equal(approved.event.kind, "pairing_approved");
  assert.deepEqual(approved.principal, { kind: "system", rule: "local_policy" });
  assert.deepEqual(approved.after, ["operator.write"]);
  assert.equal(issued.event.kind, "token_issued");
  const { lines } = await gateway.cli("audit", "log", "--from", "0");
  const policy = lines.find(({ seq }) => seq === approved.authoritySeq);
  assert.equal(policy.event.kind, "policy_adopted", "the rule stands on the policy");

  // The rule widens too, up to what the shared secret holds here.
  const wider = await connect(gateway, { device, token, scopes: ["operator.admin"] });
  assert.deepEqual(wider.hello.auth.scopes, ["operator.admin"]);
});

test("a local node is let in by the same rule, and may only do what nodes may", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const device = newDevice();
  const as = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
  const node = await connect(gateway, { device, token, ...as });
  assert.equal(node.hello.auth.role, "node");
  assert.deepEqual(node.hello.auth.scopes, []);
  assert.deepEqual(node.hello.snapshot.presence, []);
  assert.equal((await node.request("health")).ok, true);
  const error = await node.refusal("status", {});
  assert.equal(error.gatewayCode, "INVALID_REQUEST");
  assert.equal(error.message, "unauthorized role: node");
});

test("N10: a rejected device is not let in by the rule, not even for what the rule covers", async (t) => {
  const read = ["operator.read"];
  const config = { gateway: { auth: { sharedSecret: { scopes: read, loopbackScopes: read } } } };
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  const device = newDevice();

  // Beyond the rule: a person is asked, and says no.
  const beyond = await refused(gateway, { device, token, scopes: ["operator.admin"] });
  assert.equal(beyond.error.details.reason, "not-paired");
  const rejected = await gateway.host("devices", "reject", beyond.error.details.requestId);
  assert.equal(rejected.deviceId, device.id);

  const within = await refused(gateway, { device, token, scopes: read });
  assert.equal(within.error.details.code, "PAIRING_REQUIRED");
  assert.notEqual(within.error.details.requestId, beyond.error.details.requestId);

  // The same wish of a device that nobody turned down is granted.
  const other = await connect(gateway, { device: newDevice(), token, scopes: read });
  assert.deepEqual(other.hello.auth.scopes, read);

  // And a person's word lifts it.
  await gateway.host("devices", "approve", within.error.details.requestId);
  await connect(gateway, { device, token, scopes: read });
});

test("N10: a rejected upgrade keeps what the device had, and is not granted by the rule later", async (t) => {
  const grant = ["operator.read", "operator.write"];
  const config = { gateway: { auth: { sharedSecret: { loopbackScopes: grant } } } };
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const read = { device, token, scopes: ["operator.read"] };
  await (await connect(gateway, read)).stop();

  const { error } = await refused(gateway, { device, token, scopes: ["operator.pairing"] });
  assert.equal(error.details.reason, "scope-upgrade");
  await gateway.host("devices", "reject", error.details.requestId);

  await (await connect(gateway, read)).stop();
  const later = await refused(gateway, { device, token, scopes: ["operator.write"] });
  assert.equal(later.error.details.reason, "scope-upgrade");
});

test("forwarding headers end locality: the upgrade is refused, as the real gateway does (N7 A7.3)", async (t) => {
  const gateway = await startGateway(t);
  const { default: WebSocket } = await import("ws");
  const socket = new WebSocket(gateway.url, { headers: { "X-Forwarded-For": "203.0.113.9" } });
  const answer = await new Promise((resolve) => {
    socket.on("error", () => {});
    socket.on("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(body) }));
    });
    socket.on("open", () => resolve({ status: 101 }));
  });
  assert.equal(answer.status, 403);
  assert.equal(answer.body.error.type, "proxy_attribution_required");
});
