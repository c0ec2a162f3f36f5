// A paired device that asks for more, or says that it is something else.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice, refused } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { connectParams, connectRaw, withDevice } from "./raw.mjs";

const BY_HAND = { gateway: { nodes: { pairing: { autoApproveLocal: false } } } };
const READ = ["operator.read"];
const sorted = (names) => [...names].sort();

/** A gateway without automatic approval, and one device that the host approved to read. */
async function withReader(t) {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const device = newDevice();
  const { error } = await refused(gateway, { device, token, scopes: READ });
  await gateway.host("devices", "approve", error.details.requestId);
  const session = await connect(gateway, { device, token, scopes: READ });
  await session.stop();
  return { gateway, token, device };
}

test("N1 A1.5: an approved scope upgrade adds to what was held, and three connects need no request", async (t) => {
  const { gateway, token, device } = await withReader(t);
  const wanted = ["operator.approvals"];
  const { error, message, close } = await refused(gateway, { device, token, scopes: wanted });
  assert.equal(error.gatewayCode, "NOT_PAIRED");
  assert.equal(
    message,
    "pairing required: device is asking for more scopes than currently approved",
  );
  const { requestId, remediationHint, ...details } = error.details;
  assert.deepEqual(details, {
    code: "PAIRING_REQUIRED",
    reason: "scope-upgrade",
    deviceId: device.id,
    requestedRole: "operator",
    requestedScopes: wanted,
    approvedRoles: ["operator"],
    approvedScopes: READ,
  });
  assert.ok(remediationHint.includes(requestId));
  // The real gateway cuts the id off here: a close reason has 123 bytes.
  assert.deepEqual(close, { code: 1008, reason: `pairing required: scope-upgrade (requestId: ${requestId})` });

  const approved = await gateway.host("devices", "approve", requestId);
  assert.deepEqual(sorted(approved.scopes), sorted([...READ, ...wanted]));
  for (const scopes of [wanted, [...READ, ...wanted], []]) {
    const session = await connect(gateway, { device, token, scopes });
    const expected = scopes.length > 0 ? scopes : [...READ, ...wanted];
    assert.deepEqual(sorted(session.hello.auth.scopes), sorted(expected));
    await session.stop();
  }
  const { pending, paired } = await gateway.host("devices", "list");
  assert.deepEqual(pending, []);
  assert.equal(paired.length, 1);
});

test("a role upgrade: an operator that comes back as a node has to be approved as one", async (t) => {
  const { gateway, token, device } = await withReader(t);
  const asNode = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
  const { error, message, close } = await refused(gateway, { device, token, ...asNode });
  const { requestId, remediationHint, ...details } = error.details;
  assert.match(remediationHint, /doorward devices approve/);
  assert.equal(
    message,
    "pairing required: device is asking for a higher role than currently approved",
  );
  assert.deepEqual(details, {
    code: "PAIRING_REQUIRED",
    reason: "role-upgrade",
    deviceId: device.id,
    requestedRole: "node",
    requestedScopes: [],
    approvedRoles: ["operator"],
    approvedScopes: READ,
  });
  assert.deepEqual(close, { code: 1008, reason: `pairing required: role-upgrade (requestId: ${requestId})` });
  await gateway.host("devices", "approve", requestId);
  const node = await connect(gateway, { device, token, ...asNode });
  assert.equal(node.hello.auth.role, "node");
  const operator = await connect(gateway, { device, token, scopes: READ });
  assert.deepEqual(operator.hello.auth.scopes, READ, "the other role stays as it was");
});

test("N4 A4.3: a platform that the device signs for is noted; one that it does not sign for must be approved", async (t) => {
  const { gateway, token, device } = await withReader(t);
  // The official client signs v3, which covers the platform.
  await (await connect(gateway, { device, token, scopes: READ, platform: "darwin" })).stop();

  // A v2 signature does not cover it.
  const auth = { token };
  const claims = (platform) => (challenge) => {
    const params = connectParams({ auth, scopes: READ, client: { platform } });
    return withDevice(params, device, challenge, { version: 2 });
  };
  const { answer, closed } = await refusedRaw(gateway, claims("windows"));
  assert.equal(answer.error.code, "NOT_PAIRED");
  assert.equal(
    answer.error.message,
    "pairing required: device identity changed and must be re-approved",
  );
  const { requestId, remediationHint, ...details } = answer.error.details;
  assert.match(remediationHint, /doorward devices approve/);
  assert.deepEqual(details, {
    code: "PAIRING_REQUIRED",
    reason: "metadata-upgrade",
    deviceId: device.id,
    requestedRole: "operator",
    requestedScopes: READ,
    approvedRoles: ["operator"],
    approvedScopes: READ,
  });
  assert.deepEqual(closed, { code: 1008, reason: `pairing required: metadata-upgrade (requestId: ${requestId})` });

  await gateway.host("devices", "approve", requestId);
  const raw = await connectRaw(gateway, { params: claims("windows") });
  assert.equal(raw.answer.ok, true);
});

async function refusedRaw(gateway, params) {
  const raw = await connectRaw(gateway, { params });
  assert.equal(raw.answer?.ok, false);
  return { answer: raw.answer, closed: await raw.closed() };
}

test("N1 A1.4: changed scopes supersede; approving the old id is refused and names the new one", async (t) => {
  const gateway = await startGateway(t, { config: BY_HAND });
  const token = await gateway.sharedToken();
  const operator = await connect(gateway, { token, scopes: ["operator.admin"] });
  const device = newDevice();
  const first = (await refused(gateway, { device, token, scopes: READ })).error.details.requestId;
  const wider = { device, token, scopes: ["operator.read", "operator.write"] };
  const second = (await refused(gateway, wider)).error.details.requestId;
  assert.notEqual(first, second);
  await operator.event("device.pair.requested", (request) => request.requestId === second);
  const resolved = await operator.event("device.pair.resolved", ({ requestId }) => requestId === first);
  assert.equal(resolved.decision, "rejected", "as the real gateway calls a superseded request");

  const onHost = await gateway.cli("devices", "approve", first);
  assert.equal(onHost.code, 1);
  assert.ok(onHost.stderr.includes(second), `names the new request: ${onHost.stderr}`);

  const error = await operator.refusal("device.pair.approve", { requestId: first });
  assert.equal(error.gatewayCode, "INVALID_REQUEST");
  assert.equal(error.details.code, "REQUEST_SUPERSEDED");
  assert.equal(error.details.supersededBy, second);
  assert.ok(error.message.includes(second));

  const { pending, paired } = await operator.request("device.pair.list", {});
  assert.deepEqual(pending.map(({ requestId }) => requestId), [second], "nothing was approved");
  assert.deepEqual(paired, []);
  const approved = await operator.request("device.pair.approve", { requestId: second });
  assert.equal(approved.requestId, second);
  assert.equal(approved.device.deviceId, device.id);
  await connect(gateway, wider);
});
