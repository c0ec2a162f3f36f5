// Talking over the WebSocket with the official client: what is sent is kept, the answer streams to
// everyone who may read, and whoever was away reads on from where they were.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { connect, follow, until } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const MAIN = "agent:main:main";
const WRITES = ["operator.read", "operator.write"];
const shell = (script) => ({ runtime: { type: "command", command: ["/bin/sh", "-c", script] } });
/** Says one word and then nothing for longer than any test. */
const SLOW = { agents: { entries: { main: shell("echo begun; sleep 600") } } };

/** Says three words, each on its own. */
const COUNT = "for word in one two three; do echo $word; sleep 0.2; done";
const PIECES = { agents: { entries: { main: shell(COUNT) } } };

async function start(t, config) {
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  return { gateway, token, as: (scopes) => connect(gateway, { token, scopes }) };
}

const saying = (message, more) => ({ sessionKey: MAIN, message, idempotencyKey: randomUUID(), ...more });
const ofRun = (runId, state) => (event) => event.runId === runId && event.state === state;
const wordsOf = ({ content }) =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("");
const said = ({ messages }) => messages.map((message) => [message.role, wordsOf(message)]);
const after = async (client, cursor) => {
  const page = await client.request("chat.history", { sessionKey: MAIN, cursor });
  assert.equal(page.kind, "delta", "the cursor still holds");
  return page.messages.map(({ message }) => wordsOf(message));
};

test("chat.send streams to every reader: deltas in order, one end, and the same words in the history", async (t) => {
  const { as } = await start(t, PIECES);
  const [writer, reader] = [await as(WRITES), await as(["operator.read"])];
  const sent = await writer.request("chat.send", saying("count"));
  assert.equal(sent.status, "started");
  for (const client of [writer, reader]) {
    const final = await client.event("chat", ofRun(sent.runId, "final"));
    const steps = client.heard("chat").filter(({ runId }) => runId === sent.runId);
    const deltas = steps.filter(({ state }) => state === "delta");
    assert.ok(deltas.length > 1, "in more than one piece");
    assert.equal(deltas.map(({ deltaText }) => deltaText).join(""), wordsOf(final.message));
    assert.deepEqual(wordsOf(final.message).split(/\s+/).filter(Boolean), ["one", "two", "three"]);
    steps.reduce((before, { seq }) => (assert.ok(seq > before, `${seq} after ${before}`), seq), -1);
    assert.equal(steps.at(-1).state, "final");
    assert.equal(steps.filter(({ state }) => state === "final").length, 1);
    assert.deepEqual(client.gaps, []);
  }
  const history = await reader.request("chat.history", { sessionKey: MAIN });
  const final = await reader.event("chat", ofRun(sent.runId, "final"));
  assert.deepEqual(said(history), [["user", "count"], ["assistant", wordsOf(final.message)]]);
});

test("chat.send is idempotent: the same key is one message, while it runs and after", async (t) => {
  const { as } = await start(t);
  const client = await as(WRITES);
  const words = saying("only once");
  const answers = await Promise.all([1, 2, 3].map(() => client.request("chat.send", words)));
  await client.event("chat", ofRun(words.idempotencyKey, "final"));
  answers.push(await client.request("chat.send", words));
  assert.deepEqual(new Set(answers.map(({ runId }) => runId)), new Set([words.idempotencyKey]));
  assert.equal(answers.filter(({ status }) => status === "started").length, 1);
  assert.equal(answers.at(-1).status, "ok");
  const { messages } = await client.request("chat.history", { sessionKey: MAIN });
  assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant"]);
});

test("agent answers twice for one id, and agent.wait says how it ended", async (t) => {
  const { gateway, token } = await start(t);
  const client = follow(gateway, { token, scopes: WRITES });
  await client.nth("hellos", 1);
  const idempotencyKey = randomUUID();
  const asked = { message: "hello", idempotencyKey };
  const final = await client.request("agent", asked, { expectFinal: true });
  assert.deepEqual([final.status, final.runId], ["ok", idempotencyKey]);
  assert.match(final.result.payloads[0].text, /hello$/);
  const [{ messages }] = gateway.connections;
  const frames = messages.map(({ direction, text }) => ({ direction, ...JSON.parse(text) }));
  const { id } = frames.find(({ method }) => method === "agent");
  const answers = frames.filter((frame) => frame.type === "res" && frame.id === id);
  assert.deepEqual(answers.map(({ payload }) => payload.status), ["accepted", "ok"]);
  const waited = await client.request("agent.wait", { runId: idempotencyKey, timeoutMs: 2_000 });
  assert.deepEqual([waited.runId, waited.status], [idempotencyKey, "ok"]);
});

test("agent.wait gives up after its time, and a run is aborted midway with what it said", async (t) => {
  const { as } = await start(t, SLOW);
  const client = await as(WRITES);
  const { runId } = await client.request("chat.send", saying("go"));
  await client.event("chat", ofRun(runId, "delta"));
  const waited = await client.request("agent.wait", { runId, timeoutMs: 50 });
  assert.equal(waited.status, "timeout");
  const running = await client.request("chat.history", { sessionKey: MAIN });
  assert.deepEqual([running.inFlightRun.runId, running.inFlightRun.text.trim()], [runId, "begun"]);
  const aborted = await client.request("chat.abort", { sessionKey: MAIN, runId });
  assert.deepEqual([aborted.aborted, aborted.runIds], [true, [runId]]);
  const last = await client.event("chat", ofRun(runId, "aborted"));
  assert.match(wordsOf(last.message), /^begun/);
  assert.equal((await client.request("agent.wait", { runId })).status, "aborted");
  const again = await client.request("chat.abort", { sessionKey: MAIN, runId });
  assert.deepEqual([again.aborted, again.runIds], [false, []]);
});

for (const how of ["reconnect", "SIGTERM", "SIGKILL"]) {
  test(`a client that was away reads on from its cursor: ${how}`, async (t) => {
    const { gateway, as } = await start(t);
    const [early, other] = [await as(WRITES), await as(WRITES)];
    const first = await early.request("chat.send", saying("before"));
    await early.event("chat", ofRun(first.runId, "final"));
    const page = await early.request("chat.history", { sessionKey: MAIN });
    await early.stop();
    const second = await other.request("chat.send", saying("meanwhile"));
    await other.event("chat", ofRun(second.runId, "final"));
    await other.stop();
    if (how !== "reconnect") await gateway.restart(how);
    const late = await as(["operator.read"]);
    const [words, answer, ...more] = await after(late, page.deltaCursor);
    assert.equal(words, "meanwhile");
    assert.match(answer, /meanwhile$/);
    assert.deepEqual(more, []);
    const whole = await late.request("chat.history", { sessionKey: MAIN });
    assert.deepEqual(said(whole).slice(0, 2), said(page), "and nothing from before is lost");
    assert.deepEqual(await after(late, whole.deltaCursor), [], "up to date");
  });
}

test("SIGKILL midway: what was said is there, and the run is marked as interrupted", async (t) => {
  const { gateway, as } = await start(t, SLOW);
  const client = await as(WRITES);
  const { runId } = await client.request("chat.send", saying("kept"));
  await client.event("chat", ofRun(runId, "delta"));
  await gateway.restart("SIGKILL");
  const late = await as(WRITES);
  const { messages } = await late.request("chat.history", { sessionKey: MAIN });
  assert.equal(wordsOf(messages[0]), "kept");
  assert.deepEqual(messages.slice(1).map(({ stopReason }) => stopReason), ["error"]);
  const { session } = await late.request("sessions.describe", { key: MAIN });
  assert.deepEqual([session.status, session.hasActiveRun], ["failed", false]);
});

test("session.message comes only to who subscribed, and no more after the end of it", async (t) => {
  const { as } = await start(t);
  const [deaf, follower] = [await as(WRITES), await as(["operator.read"])];
  const talk = async (message) => {
    const { runId } = await deaf.request("chat.send", saying(message));
    for (const client of [deaf, follower]) await client.event("chat", ofRun(runId, "final"));
    // Everything that was said before this answer has been sent before it.
    for (const client of [deaf, follower]) await client.request("health");
  };
  const heard = (client) => client.heard("session.message").map(({ message }) => wordsOf(message));
  await talk("unheard");
  assert.deepEqual([heard(deaf), heard(follower)], [[], []]);
  await follower.request("sessions.messages.subscribe", { key: MAIN });
  await talk("heard");
  await until(() => heard(follower), (words) => words.length === 2);
  assert.equal(heard(follower)[0], "heard");
  await follower.request("sessions.messages.unsubscribe", { key: MAIN });
  await talk("unheard again");
  assert.deepEqual([heard(deaf).length, heard(follower).length], [0, 2]);
});

test("who may only read cannot send, abort or change, and is told what is missing", async (t) => {
  const { as } = await start(t);
  const reader = await as(["operator.read"]);
  for (const [method, params, missing] of [
    ["chat.send", saying("no"), "operator.write"],
    ["agent", { message: "no", idempotencyKey: "x" }, "operator.write"],
    ["agent.wait", { runId: "x" }, "operator.write"],
    ["chat.abort", { sessionKey: MAIN }, "operator.write"],
    ["sessions.send", { key: MAIN, message: "no" }, "operator.write"],
    ["sessions.create", {}, "operator.write"],
    ["sessions.patch", { key: MAIN, label: "no" }, "operator.write"],
    ["sessions.reset", { key: MAIN }, "operator.admin"],
    ["sessions.delete", { key: MAIN }, "operator.admin"],
    ["chat.inject", { sessionKey: MAIN, message: "no" }, "operator.admin"],
  ]) {
    const error = await reader.refusal(method, params);
    assert.deepEqual([error.details.code, error.details.missingScope], ["MISSING_SCOPE", missing], method);
  }
  const { sessions } = await reader.request("sessions.list", {});
  assert.deepEqual(sessions, [], "nothing happened");
});

test("sessions are listed, labelled, found, reset and deleted, and followers hear of it", async (t) => {
  const { as } = await start(t);
  const [admin, follower] = [await as(["operator.admin"]), await as(["operator.read"])];
  await follower.request("sessions.subscribe", {});
  const { runId } = await admin.request("chat.send", saying("a rare word: aardvark"));
  await admin.event("chat", ofRun(runId, "final"));
  const { key } = await admin.request("sessions.create", { key: "second", label: "Second" });
  assert.equal(key, "agent:main:second");
  const keys = async () => {
    const { sessions } = await admin.request("sessions.list", {});
    return sessions.map(({ key }) => key).sort();
  };
  assert.deepEqual(await keys(), [MAIN, key]);
  await admin.request("sessions.patch", { key: MAIN, label: "First" });
  const { session } = await admin.request("sessions.describe", { key: MAIN });
  assert.equal(session.label, "First");
  assert.equal((await admin.request("sessions.resolve", { label: "Second" })).key, key);
  const { results } = await admin.request("sessions.search", { query: "AARDVARK" });
  assert.deepEqual(new Set(results.map(({ sessionKey }) => sessionKey)), new Set([MAIN]));
  const found = await admin.request("chat.message.get", { sessionKey: MAIN, messageId: results[0].messageId });
  assert.match(wordsOf(found.message), /aardvark/);

  const reset = await admin.request("sessions.reset", { key: MAIN });
  assert.notEqual(reset.entry.sessionId, session.sessionId, "a new transcript");
  const { messages } = await admin.request("chat.history", { sessionKey: MAIN });
  assert.deepEqual(messages, []);
  const deleted = await admin.request("sessions.delete", { key });
  assert.equal(deleted.deleted, true);
  assert.equal((await admin.request("sessions.delete", { key })).deleted, false);
  assert.deepEqual(await keys(), [MAIN]);
  for (const [of, reason] of [[MAIN, "patch"], [MAIN, "reset"], [key, "delete"]]) {
    await follower.event("sessions.changed", (news) => news.sessionKey === of && news.reason === reason);
  }
});
