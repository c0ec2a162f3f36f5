// The end: clients are told, and the process ends well within 5 s.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, newDevice } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { openRaw } from "./raw.mjs";

test("SIGTERM: everybody hears shutdown, is closed with 1012, and the exit code is 0", async (t) => {
  const gateway = await startGateway(t);
  const token = await gateway.sharedToken();
  const asNode = { clientName: "node-host", mode: "node", role: "node", scopes: [] };
  const sessions = await Promise.all([
    connect(gateway, { token, scopes: ["operator.read"] }),
    connect(gateway, { token, scopes: ["operator.unknown"] }),
    connect(gateway, { token, device: newDevice(), scopes: ["operator.admin"] }),
    connect(gateway, { token, device: newDevice(), ...asNode }),
  ]);
  // One that never said who it is must not hold the end up.
  const silent = await openRaw(gateway);
  const ended = gateway.stop();
  for (const session of sessions) {
    assert.deepEqual(await session.event("shutdown"), { reason: "gateway stopping" });
    assert.deepEqual(await session.closed(), { code: 1012, reason: "service restart" });
  }
  await silent.closed();
  const { code, signal, late } = await ended;
  assert.deepEqual({ code, signal, late }, { code: 0, signal: null, late: undefined });
});
