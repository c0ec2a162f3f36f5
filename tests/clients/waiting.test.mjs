// What only time brings. Both tests wait for the gateway's own clock, so they run side by side.

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { connect } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { openRaw } from "./raw.mjs";

const TICK_MS = 30_000;
const HANDSHAKE_MS = 15_000;

suite("waiting", { concurrency: true }, () => {
  test("a socket that does not connect is closed after 15 s, with 1000 and no reason", async (t) => {
    const gateway = await startGateway(t);
    const started = performance.now();
    const raw = await openRaw(gateway);
    assert.deepEqual(await raw.closed(HANDSHAKE_MS + 3_000), { code: 1000, reason: "" });
    const waited = performance.now() - started;
    assert.ok(waited > HANDSHAKE_MS - 500, `closed after ${waited} ms`);
  });

  test("every client hears tick within the promised interval, whatever it holds", async (t) => {
    const gateway = await startGateway(t);
    const token = await gateway.sharedToken();
    const sessions = await Promise.all(
      [["operator.read"], ["operator.pairing"], ["operator.unknown"]].map((scopes) =>
        connect(gateway, { token, scopes }),
      ),
    );
    assert.equal(sessions[0].hello.policy.tickIntervalMs, TICK_MS);
    const ticks = sessions.map((session) => session.event("tick", undefined, TICK_MS + 3_000));
    for (const { ts } of await Promise.all(ticks)) assert.ok(Math.abs(Date.now() - ts) < 5_000);
  });
});
