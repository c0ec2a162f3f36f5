// The whole story: a device knocks, the host approves it, it works, comes back by its own token, and
// the ledger tells who let it in (N1 A1.2, N5 A5.1, A5.6).

import assert from "node:assert/strict";
import { test } from "node:test";

import { readPairingConnectErrorDetails } from "@openclaw/gateway-protocol/connect-error-details";

import { connect, newClient, newDevice, refused, until, within } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };
const SCOPES = ["operator.read", "operator.pairing"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test("N1 A1.2: a device is told that it must be paired, the host approves it, and it works", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const asked = { device, token, scopes: SCOPES };

  const { error, message, close } = await refused(gateway, asked);
  assert.equal(error.gatewayCode, "NOT_PAIRED");
  assert.equal(message, "pairing required: device is not approved yet");
  const { requestId, remediationHint, ...told } = error.details;
  assert.deepEqual(told, {
    code: "PAIRING_REQUIRED",
    reason: "not-paired",
    deviceId: device.id,
    requestedRole: "operator",
    requestedScopes: told.requestedScopes,
  });
  assert.deepEqual([...told.requestedScopes].sort(), [...SCOPES].sort());
  assert.match(requestId, UUID);
  assert.ok(remediationHint.includes(`doorward devices approve ${requestId}`), remediationHint);
  assert.deepEqual(readPairingConnectErrorDetails(error.details), error.details);
  assert.equal(error.message, `device pairing required (requestId: ${requestId})`);
  assert.deepEqual(close, { code: 1008, reason: `${message} (requestId: ${requestId})` });

  const waiting = await gateway.host("devices", "list");
  assert.deepEqual(waiting.pending.map((request) => request.requestId), [requestId]);
  assert.deepEqual(waiting.paired, []);
  const approved = await gateway.host("devices", "approve", requestId);
  assert.equal(approved.deviceId, device.id);
  assert.deepEqual([...approved.scopes].sort(), [...SCOPES].sort());

  const first = await connect(gateway, asked);
  assert.deepEqual(first.hello.auth.scopes, SCOPES, "in the order in which they were asked for");
  assert.match(first.hello.auth.deviceToken, /^[A-Za-z0-9_-]{43}$/);
  assert.ok(first.hello.auth.issuedAtMs > 0);
  assert.equal(first.hello.server.buildId, undefined, "a foreign build id stops the console");
  await callEverything(first, device);
  await first.stop();

  const second = await connect(gateway, asked);
  assert.equal(second.hello.auth.deviceToken, undefined, "the token is handed out once");
  await second.stop();

  // Without the shared token, the client presents the device token that it stored.
  const third = await connect(gateway, { device });
  assert.deepEqual(third.hello.auth.scopes, SCOPES);
  await callEverything(third, device);
  await third.stop();

  await theLedgerTells(gateway, device, requestId, approved.seq);
});

/** Every reading method, as the official client calls it. */
async function callEverything(session, device) {
  assert.equal((await session.request("health")).ok, true);
  const status = await session.request("status", {});
  assert.equal(status.runtimeVersion, session.hello.server.version);
  assert.deepEqual(status.devices, { paired: 1, pending: 0 });
  const presence = await session.request("system-presence");
  assert.equal(presence[0].mode, "gateway");
  const config = await session.request("config.get", {});
  assert.equal(config.exists, true);
  assert.equal(config.config.gateway.nodes.pairing.autoApproveLocal, false);
  const identity = await session.request("gateway.identity.get", {});
  assert.match(identity.deviceId, /^[0-9a-f]{64}$/);
  // Who is connected is told in rounds, some 50 ms apart.
  const { pending, paired } = await until(
    () => session.request("device.pair.list", {}),
    (listed) => listed.paired[0]?.connected,
  );
  assert.deepEqual(pending, []);
  const [row, ...others] = paired;
  assert.deepEqual(others, []);
  assert.equal(row.deviceId, device.id);
  assert.equal(row.publicKey, device.publicKey);
  assert.equal(row.approvedVia, "owner");
  assert.ok(!JSON.stringify(paired).includes(device.tokens.get("operator").token));
}

async function theLedgerTells(gateway, device, requestId, approvedSeq) {
  const verdict = await gateway.host("audit", "verify");
  assert.equal(verdict.ok, true);
  const { lines } = await gateway.cli("audit", "log", "--from", "0");
  assert.equal(lines.length, verdict.size);
  assert.deepEqual(lines.map(({ seq }) => seq), [...lines.keys()], "one record each, in order");
  const policy = lines.find(({ event }) => event.kind === "policy_adopted");
  const ours = lines.filter(({ event }) => event.deviceId === device.id);
  assert.deepEqual(ours.map(({ event }) => event.kind), [
    "pairing_requested",
    "pairing_approved",
    "token_issued",
  ]);
  const [requested, approved, issued] = ours;

  assert.deepEqual(requested.principal, { kind: "applicant", deviceId: device.id });
  assert.equal(requested.via.transport, "websocket");
  assert.equal(requested.via.address, "127.0.0.1");
  assert.equal(requested.via.directLoopback, true);
  assert.match(requested.via.connection, UUID);
  assert.ok(requested.via.request, "the client's id of its connect request");
  assert.equal(requested.event.details.request_id ?? requested.event.details.requestId, requestId);

  assert.equal(approved.seq, approvedSeq);
  assert.deepEqual(approved.principal, { kind: "host", uid: process.getuid() });
  assert.equal(approved.via.transport, "admin-socket");
  assert.deepEqual(approved.before, []);
  assert.deepEqual([...approved.after].sort(), [...SCOPES].sort());

  assert.deepEqual(issued.principal, { kind: "device", deviceId: device.id, role: "operator" });
  assert.equal(issued.authoritySeq, approved.seq, "the token stands on the approval");
  assert.equal(issued.via.transport, "websocket");
  assert.ok(policy.seq < requested.seq, "the policy was in force before anyone knocked");
}

test("N1 A1.2: a console that keeps trying by itself is in as soon as the host approves it", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const hello = Promise.withResolvers();
  const refusals = [];
  const firstRefusal = Promise.withResolvers();
  const client = newClient(gateway, {
    device,
    token,
    scopes: SCOPES,
    clientName: "openclaw-control-ui",
    mode: "webchat",
    origin: gateway.origin,
    onHelloOk: hello.resolve,
    onConnectError: (error) => {
      refusals.push(error.details);
      firstRefusal.resolve(error.details);
    },
  });
  client.start();
  const { requestId, ...details } = await within(firstRefusal.promise, "the console is refused");
  assert.equal(details.recommendedNextStep, "wait_then_retry");
  assert.equal(details.retryable, true);
  assert.equal(details.pauseReconnect, false);
  await gateway.host("devices", "approve", requestId);
  const { auth } = await within(hello.promise, "the console comes back by itself");
  gateway.secrets.add(auth.deviceToken);
  assert.equal(device.tokens.get("operator").token, auth.deviceToken);
  assert.deepEqual(new Set(refusals.map((refusal) => refusal.requestId)), new Set([requestId]));
});
