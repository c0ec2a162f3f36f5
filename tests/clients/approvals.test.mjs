// An agent of the Agent Client Protocol, written with the protocol's own SDK, behind the gateway: what
// it may not do of itself waits for a person, who decides from another client. Issue 5, proof 2.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { connect, newDevice, until } from "./client.mjs";
import { startGateway } from "./gateway.mjs";

const MAIN = "agent:main:main";
const WRITES = ["operator.read", "operator.write"];
const APPROVES = ["operator.approvals"];
const AGENT = [process.execPath, fileURLToPath(new URL("acp-agent.mjs", import.meta.url))];
const config = { agents: { entries: { main: { runtime: { type: "acp", acp: { command: AGENT } } } } } };

async function start(t) {
  const gateway = await startGateway(t, { config });
  const token = await gateway.sharedToken();
  const as = (scopes, more) => connect(gateway, { token, scopes, ...more });
  return { gateway, as, writer: await as(WRITES), reviewer: await as(APPROVES) };
}

/** Says something, and gives how it ends. */
async function say(client, message) {
  const idempotencyKey = randomUUID();
  await client.request("chat.send", { sessionKey: MAIN, message, idempotencyKey });
  const ended = ({ runId, state }) => runId === idempotencyKey && !["delta", "status"].includes(state);
  // A new agent is a process of Node that has to start.
  const end = () => client.event("chat", ended, 30_000);
  return { runId: idempotencyKey, end };
}

const wordsOf = ({ content }) =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("");
const requested = (client) => client.event("plugin.approval.requested", undefined, 30_000);
const records = async (gateway) => {
  const { lines } = await gateway.cli("audit", "log");
  const kinds = lines.filter(({ event }) => event?.kind?.startsWith("approval_"));
  return kinds.map(({ event, principal, via }) => ({ ...event, principal, via }));
};

test("a turn of an agent that asks for nothing", async (t) => {
  const { writer, reviewer } = await start(t);
  const { end } = await say(writer, "hello");
  const final = await end();
  assert.deepEqual([final.state, wordsOf(final.message)], ["final", "done"]);
  assert.deepEqual(await reviewer.request("plugin.approval.list", {}), []);
});

for (const [decision, told, status] of [
  ["allow-once", "told yes", "allowed"],
  ["allow-always", "told always", "allowed"],
  ["deny", "told no", "denied"],
]) {
  test(`${decision} from another client is what the agent is told, and stays the only answer`, async (t) => {
    const { gateway, as, writer, reviewer } = await start(t);
    const { end } = await say(writer, "please ask");
    const { id, request, expiresAtMs, createdAtMs } = await requested(reviewer);
    assert.match(request.title, /rm -rf build/);
    assert.deepEqual([request.toolName, request.agentId, request.sessionKey], ["execute", "main", MAIN]);
    assert.deepEqual(request.allowedDecisions, ["allow-once", "allow-always", "deny"]);
    assert.match(request.detail, /"command": "rm -rf build"/);
    assert.equal(expiresAtMs - createdAtMs > 500_000, true, "a person has some minutes");
    const [listed] = await reviewer.request("plugin.approval.list", {});
    assert.equal(listed.id, id);
    assert.deepEqual(await reviewer.request("exec.approval.list", {}), []);
    assert.deepEqual(await reviewer.request("openclaw.approval.list", {}), []);
    const { approval: pending } = await reviewer.request("approval.get", { id });
    assert.equal(pending.status, "pending");

    const denied = await writer.refusal("plugin.approval.resolve", { id, decision });
    assert.equal(denied.details.missingScope, "operator.approvals");
    assert.deepEqual(await reviewer.request("plugin.approval.resolve", { id, decision }), { ok: true });
    const final = await end();
    assert.equal(wordsOf(final.message), told);
    const resolved = await reviewer.event("plugin.approval.resolved", (event) => event.id === id);
    assert.equal(resolved.decision, decision);
    assert.deepEqual(writer.heard("plugin.approval.requested"), [], "not for those who may not decide");

    const other = await as(APPROVES);
    const late = await other.refusal("plugin.approval.resolve", { id, decision: "deny" });
    assert.equal(late.details.code, "APPROVAL_ALREADY_RESOLVED");
    assert.match(late.message, new RegExp(`${status} by shared-secret`));
    const again = await other.request("approval.resolve", { id, kind: "plugin", decision: "deny" });
    assert.deepEqual([again.applied, again.approval.status], [false, status]);
    const { items } = await other.request("approval.history", {});
    assert.deepEqual(items.map((item) => [item.id, item.status, item.decision]), [[id, status, decision]]);

    const [asked, decided, ...more] = await records(gateway);
    assert.deepEqual([asked.kind, decided.kind, more.length], ["approval_requested", "approval_decided", 0]);
    assert.equal(asked.details.title, "rm -rf build");
    assert.deepEqual([decided.details.decision, decided.details.by], [decision, "shared-secret"]);
  });
}

test("approval.resolve by a paired device names the device", async (t) => {
  const { as, writer } = await start(t);
  const device = newDevice();
  const owner = await as(["operator.approvals", "operator.admin"], { device });
  const { end } = await say(writer, "please ask");
  const { id } = await requested(owner);
  for (const [params, code] of [
    [{ id: randomUUID(), kind: "plugin", decision: "deny" }, "APPROVAL_NOT_FOUND"],
    [{ id, kind: "exec", decision: "deny" }, "APPROVAL_NOT_FOUND"],
    [{ id, kind: "plugin", decision: "perhaps" }, undefined],
  ]) {
    const { details } = await owner.refusal("approval.resolve", params);
    assert.equal(details?.code, code, JSON.stringify(params));
  }
  const { applied, approval } = await owner.request("approval.resolve", { id, kind: "plugin", decision: "allow-once" });
  assert.deepEqual([applied, approval.status, approval.resolver], [true, "allowed", { kind: "device", id: device.id }]);
  assert.equal(wordsOf((await end()).message), "told yes");
});

for (const [command, words, status] of [["approve", "told yes", "allowed"], ["deny", "told no", "denied"]]) {
  test(`doorward approvals ${command} on the host is an answer like any other`, async (t) => {
    const { gateway, writer, reviewer } = await start(t);
    assert.deepEqual((await gateway.host("approvals", "list")).approvals, []);
    const { end } = await say(writer, "please ask");
    const { id } = await requested(reviewer);
    const [listed] = (await gateway.host("approvals", "list")).approvals;
    assert.equal(`plugin:${listed.approvalId}`, id);
    const shown = await gateway.host("approvals", "show", listed.approvalId);
    assert.deepEqual([shown.title, shown.tool, shown.agent, shown.end], ["rm -rf build", "execute", "main", null]);
    const decided = await gateway.host("approvals", command, id);
    assert.deepEqual([decided.end.status, decided.end.by], [status, "host"]);
    assert.equal(wordsOf((await end()).message), words);
    const late = await gateway.cli("approvals", "deny", id);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /APPROVAL_ALREADY_RESOLVED|already resolved/);
    const unknown = await gateway.cli("approvals", "show", randomUUID());
    assert.equal(unknown.code, 1);
    const { approvals } = await gateway.host("approvals", "history");
    assert.deepEqual(approvals.map(({ approvalId, end: { status } }) => [approvalId, status]), [[listed.approvalId, status]]);
  });
}

/** How an approval ends that nobody decides. */
for (const [why, how, words] of [
  ["run-ended", async ({ writer, runId }) => writer.request("chat.abort", { sessionKey: MAIN, runId }), "ask"],
  ["agent-crashed", async () => {}, "ask-and-crash"],
]) {
  test(`an approval whose asker is gone is withdrawn: ${why}`, async (t) => {
    const { gateway, writer, reviewer } = await start(t);
    const { runId, end } = await say(writer, `please ${words}`);
    const { id } = await requested(reviewer);
    await how({ writer, runId });
    const { state } = await end();
    assert.equal(state, why === "run-ended" ? "aborted" : "error");
    const resolved = await reviewer.event("plugin.approval.resolved", (event) => event.id === id);
    assert.deepEqual([resolved.decision, resolved.terminalStatus], ["deny", "cancelled"]);
    const { approval } = await reviewer.request("approval.get", { id });
    assert.deepEqual([approval.status, approval.reason], ["cancelled", "run-aborted"]);
    const late = await reviewer.refusal("plugin.approval.resolve", { id, decision: "allow-once" });
    assert.equal(late.details.code, "APPROVAL_ALREADY_RESOLVED");
    const withdrawn = (await records(gateway)).at(-1);
    assert.deepEqual([withdrawn.kind, withdrawn.details.why], ["approval_withdrawn", why]);
    // The next turn has an agent again.
    assert.equal(wordsOf((await (await say(writer, "hello")).end()).message), "done");
  });
}

test("a turn that is cancelled ends the agent's work, and the agent stays", async (t) => {
  const { writer } = await start(t);
  const { runId, end } = await say(writer, "please work");
  await writer.event("chat", (event) => event.runId === runId && event.state === "delta", 30_000);
  await writer.request("chat.abort", { sessionKey: MAIN, runId });
  const last = await end();
  assert.deepEqual([last.state, wordsOf(last.message)], ["aborted", "working"]);
  assert.equal(wordsOf((await (await say(writer, "hello")).end()).message), "done");
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`${signal} resolves nothing silently: what waited is on record as withdrawn`, async (t) => {
    const { gateway, as, writer, reviewer } = await start(t);
    await say(writer, "please ask");
    const { id } = await requested(reviewer);
    await gateway.restart(signal);
    const late = await as(APPROVES);
    assert.deepEqual(await late.request("plugin.approval.list", {}), []);
    const { approval } = await late.request("approval.get", { id });
    assert.equal(approval.status, "cancelled");
    const withdrawn = await until(() => records(gateway), (all) => all.length === 2);
    assert.equal(withdrawn.at(-1).kind, "approval_withdrawn");
  });
}
