// An owner's existing configuration file (openclaw #57434): it is read as it is, and serves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, refused } from "./client.mjs";
import { get, startGateway } from "./gateway.mjs";

const TOKEN = "a-token-from-the-file-0123456789";

/** The shape of the file in that thread; the channel's own secret must not show anywhere. */
const file = (port) => `{
  // the gateway
  gateway: {
    port: ${port},
    mode: "local",
    bind: "loopback",
    auth: { mode: "token", token: "${TOKEN}" },
  },
  channels: {
    telegram: { enabled: true, botToken: "12345:a-secret-of-a-channel" },
  },
  bindings: [
    { agentId: "main", match: { channel: "telegram" } },
  ],
}
`;

test("oc#57434: gateway.port, mode, bind and auth beside channels and bindings serve, and the token works", async (t) => {
  const gateway = await startGateway(t, { config: file, portFromConfig: true });
  gateway.secrets.add(TOKEN).add("12345:a-secret-of-a-channel");
  const session = await connect(gateway, { token: TOKEN, scopes: [] });
  assert.equal((await session.request("health")).ok, true);
  assert.ok(session.hello.auth.scopes.includes("operator.admin"));
  const config = await session.request("config.get", {});
  assert.equal(config.exists, true);
  assert.equal(config.config.gateway.mode, "local");
  const shown = JSON.stringify(config);
  assert.ok(!shown.includes(TOKEN) && !shown.includes("a-secret-of-a-channel"), shown);
  await refused(gateway, { token: "another-token-0123456789", scopes: [] });

  const said = (section) => gateway.output.split("\n").filter((text) => text.includes(section));
  assert.equal(said("channels").length, 1, `one warning about channels:\n${gateway.output}`);
  assert.match(said("channels")[0], /\b9\b/, "with its line");
  assert.deepEqual(said("bindings"), [], "they are used");
});

test("N19 A19.1: health is open, free of secrets, and anything else is 404 as JSON", async (t) => {
  const gateway = await startGateway(t);
  await gateway.sharedToken();
  for (const path of ["/health", "/healthz"]) {
    const { status, body } = await get(gateway.port, path);
    assert.deepEqual([status, JSON.parse(body)], [200, { ok: true, status: "live" }], path);
  }
  const ready = JSON.parse((await get(gateway.port, "/readyz")).body);
  assert.deepEqual([ready.ready, ready.failing], [true, []]);
  const started = JSON.parse((await get(gateway.port, "/startupz")).body);
  assert.deepEqual([started.ok, started.status], [true, "started"]);
  const nothing = await get(gateway.port, "/v1/nothing");
  assert.equal(nothing.status, 404);
  assert.equal(JSON.parse(nothing.body).error.type, "not_found");
});
