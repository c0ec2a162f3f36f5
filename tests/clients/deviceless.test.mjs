// Clients without a device that prove the shared token: what they are told is what they may do,
// whatever they call themselves (openclaw #27494, #46422, #57434).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { GATEWAY_CLIENT_IDS, GATEWAY_CLIENT_MODES } from "@openclaw/gateway-protocol/client-info";

import { connect } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

/** Every operator scope of the protocol: what the shared token holds on loopback by default. */
const FULL = [
  "operator.admin",
  "operator.approvals",
  "operator.pairing",
  "operator.questions",
  "operator.read",
  "operator.talk",
  "operator.talk.secrets",
  "operator.write",
];

const UNKNOWN_REQUEST = { requestId: "00000000-0000-4000-8000-000000000000" };

/** Where the shape alone would change something. */
const PARAMS = {
  "device.pair.approve": UNKNOWN_REQUEST,
  "device.pair.reject": UNKNOWN_REQUEST,
  "doorward.auth.rotate": { secret: "weak" },
  "sessions.create": { agentId: "nobody" },
};

/** A device asks for itself, and needs no scope for that; without one, no scope would help. */
const OF_A_DEVICE = new Set(["device.scopes.requestUpgrade", "device.scopes.waitUpgrade"]);

/** Everyone may ask who they are. */
const OF_EVERYONE = new Set(["doorward.whoami"]);

/**
 * What doorward's own methods need, and those of which the schema says that it depends on the call:
 * here it does not (src/domain/operation.rs).
 */
const OWN = {
  agent: "operator.write",
  "doorward.auth.rotate": "operator.admin",
  "doorward.lockouts.clear": "operator.admin",
  "doorward.lockouts.list": "operator.pairing",
  "doorward.tokens.create": "operator.pairing",
  "doorward.tokens.list": "operator.pairing",
  "doorward.tokens.revoke": "operator.pairing",
  "doorward.tokens.rotate": "operator.pairing",
  "sessions.create": "operator.write",
  "sessions.delete": "operator.admin",
  "sessions.patch": "operator.write",
};

/** Workers have a protocol of their own, which is refused at the handshake. */
function* pairs() {
  for (const id of Object.values(GATEWAY_CLIENT_IDS)) {
    for (const mode of Object.values(GATEWAY_CLIENT_MODES)) {
      if (id !== GATEWAY_CLIENT_IDS.WORKER && mode !== GATEWAY_CLIENT_MODES.WORKER) yield { id, mode };
    }
  }
}

/** The missing scope of a call, or null if it was carried out or refused for another reason. */
async function missingScope(session, method) {
  try {
    await session.request(method, PARAMS[method] ?? {});
    return null;
  } catch (error) {
    return error.details?.code === "MISSING_SCOPE" ? error.details.missingScope : null;
  }
}

test("N2 A2.1 (oc#27494): every client id and mode gets the scopes it asks for, and their methods answer", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  let tried = 0;
  for (const { id, mode } of pairs()) {
    // The browser console is only let in from a page.
    const origin = id === GATEWAY_CLIENT_IDS.CONTROL_UI ? gateway.origin : undefined;
    const as = { token, clientName: id, mode, origin };
    const reader = await connect(gateway, { ...as, scopes: ["operator.read"] });
    assert.deepEqual(reader.hello.auth.scopes, ["operator.read"], `${id}/${mode}`);
    assert.equal(await missingScope(reader, "status"), null, `${id}/${mode} reads`);
    assert.equal(await missingScope(reader, "device.pair.list"), "operator.pairing", `${id}/${mode}`);
    await reader.stop();
    const all = await connect(gateway, { ...as, scopes: [] });
    assert.deepEqual([...all.hello.auth.scopes].sort(), FULL, `${id}/${mode} asks for nothing`);
    for (const method of all.hello.features.methods) {
      assert.equal(await missingScope(all, method), null, `${id}/${mode} calls ${method}`);
    }
    await all.stop();
    tried += 1;
  }
  assert.equal(tried, 16 * 7);
});

test("N2 A2.1, A2.3: a scope on its own opens exactly the methods that the protocol says", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const needs = await scopesOfMethods();
  for (const scope of FULL) {
    const session = await connect(gateway, { token, scopes: [scope] });
    assert.deepEqual(session.hello.auth.scopes, [scope]);
    for (const method of session.hello.features.methods) {
      const needed = OWN[method] ?? needs[method];
      const implied = needed === "operator.read" && scope === "operator.write";
      const opens =
        scope === needed ||
        scope === "operator.admin" ||
        implied ||
        OF_A_DEVICE.has(method) ||
        OF_EVERYONE.has(method);
      const expected = opens ? null : needed;
      assert.equal(await missingScope(session, method), expected, `${method} with ${scope} alone`);
    }
    await session.stop();
  }
});

test("N2 A2.1: what is asked beyond the grant is neither in hello nor in force", async (t) => {
  // The grant of any source, read and write, holds on loopback too.
  const config = { gateway: { auth: { sharedSecret: { loopbackScopes: ["operator.read"] } } } };
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  for (const [asked, held] of [
    [["operator.read"], ["operator.read"]],
    [["operator.pairing", "operator.read"], ["operator.read"]],
    [["operator.pairing"], []],
    // Asking for admin asks for all that it implies.
    [["operator.admin"], ["operator.read", "operator.write"]],
    [[], ["operator.read", "operator.write"]],
  ]) {
    const session = await connect(gateway, { token, scopes: asked });
    assert.deepEqual([...session.hello.auth.scopes].sort(), held, `asked for ${asked}`);
    const reads = held.includes("operator.read") ? null : "operator.read";
    assert.equal(await missingScope(session, "status"), reads, `asked for ${asked}`);
    assert.equal(await missingScope(session, "device.pair.list"), "operator.pairing");
    await session.stop();
  }
});

test("N2 A2.4: a missing scope has exactly the published shape, and the connection stays", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const session = await connect(gateway, { token, scopes: ["operator.read"] });
  const error = await session.refusal("device.pair.list", {});
  assert.equal(error.gatewayCode, "FORBIDDEN");
  assert.equal(error.message, "missing scope: operator.pairing");
  assert.deepEqual(error.details, {
    code: "MISSING_SCOPE",
    missingScope: "operator.pairing",
    requiredScopes: ["operator.pairing"],
  });
  assert.equal((await session.request("health")).ok, true);
});

/** From the machine-readable schema in the package: method -> scope. */
async function scopesOfMethods() {
  const url = new URL("./node_modules/@openclaw/gateway-protocol/protocol.schema.json", import.meta.url);
  const { methods } = JSON.parse(await readFile(url, "utf8"));
  return Object.fromEntries(Object.entries(methods).map(([name, { scope }]) => [name, scope]));
}
