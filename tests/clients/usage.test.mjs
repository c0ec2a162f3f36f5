// What talking has cost, over the WebSocket: counted from what runs recorded, priced where it can be.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { connect } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { KEY, startUpstream } from "./upstream.mjs";

/** Two agents; what one's model costs is known: a dollar for each token read, two for each written. */
async function start(t) {
  const { config } = await startUpstream(t, (reply) => reply.say("hi").end());
  const { scripted } = config.models.providers;
  scripted.models = [{ id: "m1", cost: { input: 1e6, output: 2e6, cacheRead: 0, cacheWrite: 0 } }, { id: "m2" }];
  config.agents.entries = { main: {}, other: { model: "scripted/m2" } };
  const gateway = await startGateway(t, { config });
  gateway.secrets.add(KEY);
  const token = await gateway.sharedToken();
  const enter = () => connect(gateway, { token, scopes: ["operator.admin"] });
  return { gateway, enter };
}

/** One turn, of which the model server says that it read 7 tokens and wrote 3. */
async function turn(client, agent) {
  const idempotencyKey = randomUUID();
  const sessionKey = `agent:${agent}:main`;
  await client.request("chat.send", { sessionKey, message: "hello", idempotencyKey });
  await client.event("chat", ({ runId, state }) => runId === idempotencyKey && state === "final");
}

const short = ({ totalTokens, input, output, totalCost, missingCostEntries }) =>
  [totalTokens, input, output, totalCost, missingCostEntries];

test("tokens are counted, costs where a price is known, and the rest is told apart", async (t) => {
  const { gateway, enter } = await start(t);
  let client = await enter();
  const cost = async (params = {}) => {
    const { totals, daily } = await client.request("usage.cost", params);
    const days = daily.map(({ date, ...day }) => short(day));
    assert.deepEqual(days, totals.totalTokens ? [short(totals)] : [], "all of it today");
    return short(totals);
  };
  const of = async (params) => {
    const { sessions, totals, aggregates } = await client.request("sessions.usage", params);
    return { sessions: sessions.map(({ key, usage }) => [key, ...short(usage)]), totals: short(totals), aggregates };
  };
  assert.deepEqual(await cost({ agentScope: "all" }), [0, 0, 0, 0, 0]);
  for (const agent of ["main", "main", "other"]) await turn(client, agent);

  const main = [20, 14, 6, 26, 0];
  const other = [10, 7, 3, 0, 1];
  const both = [30, 21, 9, 26, 1];
  assert.deepEqual(await cost(), main, "the default agent");
  assert.deepEqual(await cost({ days: 1 }), main);
  assert.deepEqual(await cost({ agentId: "other" }), other);
  assert.deepEqual(await cost({ agentScope: "all", range: "all" }), both);
  assert.deepEqual(await cost({ agentScope: "all", startDate: "2020-01-01", endDate: "2020-12-31" }), [0, 0, 0, 0, 0]);

  const all = await of({ agentScope: "all", limit: 1 });
  assert.deepEqual(all.sessions, [["agent:other:main", ...other]], "the newest alone is listed");
  assert.deepEqual(all.totals, both, "and all are counted");
  const { byModel, byProvider, byAgent, messages, sessionCount } = all.aggregates;
  assert.deepEqual(byModel.map(({ model, count, totals }) => [model, count, ...short(totals)]), [
    ["m1", 2, ...main],
    ["m2", 1, ...other],
  ]);
  assert.deepEqual(byProvider.map(({ provider, count, totals }) => [provider, count, ...short(totals)]), [
    ["scripted", 3, ...both],
  ]);
  assert.deepEqual(byAgent.map(({ agentId, totals }) => [agentId, ...short(totals)]), [
    ["main", ...main],
    ["other", ...other],
  ]);
  assert.deepEqual([sessionCount, messages.user, messages.assistant, messages.errors], [2, 3, 3, 0]);
  assert.deepEqual((await of({ key: "agent:main:main" })).sessions, [["agent:main:main", ...main]]);

  // What was before a reset was paid all the same.
  await client.request("sessions.reset", { key: "agent:main:main" });
  assert.deepEqual((await of({ agentId: "main" })).sessions, []);
  assert.deepEqual((await of({ agentId: "main", groupBy: "family" })).totals, main);
  assert.deepEqual(await cost(), main);

  await gateway.restart("SIGTERM");
  client = await enter();
  assert.deepEqual(await cost({ agentScope: "all" }), both, "after a restart as well");
  assert.deepEqual((await client.request("usage.status")).providers, []);
});

test("the embedded echo costs nothing, and that is known", async (t) => {
  const gateway = await startGateway(t);
  const client = await connect(gateway, { token: await gateway.sharedToken(), scopes: ["operator.admin"] });
  await turn(client, "main");
  const { totals } = await client.request("usage.cost");
  assert.ok(totals.totalTokens > 0);
  assert.deepEqual([totals.totalCost, totals.missingCostEntries], [0, 0]);
});

test("a day begins where the client says", async (t) => {
  const { enter } = await start(t);
  const client = await enter();
  await turn(client, "main");
  const dayAt = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 10);
  for (const [utcOffset, minutes] of [["UTC+0", 0], ["UTC+14", 840], ["UTC-12:00", -720], ["UTC+5:30", 330]]) {
    const before = dayAt(minutes);
    const params = { mode: "specific", timeZone: "Some/Where", utcOffset };
    const { daily } = await client.request("usage.cost", params);
    // The test may be running at midnight.
    assert.ok([before, dayAt(minutes)].includes(daily[0].date), `${utcOffset}: ${daily[0].date}`);
  }
});
