// The official `openai` client for Python, unmodified, against the HTTP API (python/talk.py).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { startGateway } from "./gateway.mjs";
import { startUpstream } from "./upstream.mjs";

const PYTHON = process.env.DOORWARD_PYTHON;
if (!PYTHON) throw new Error("DOORWARD_PYTHON is not set: start the suite with tests/clients/run");
const SCRIPT = fileURLToPath(new URL("./python/talk.py", import.meta.url));

/** What comes of one case of the script. */
async function run(gateway, apiKey, name) {
  const child = spawn(PYTHON, ["-I", SCRIPT, `http://127.0.0.1:${gateway.port}/v1`, name], {
    env: { PATH: process.env.PATH, OPENAI_API_KEY: apiKey },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more) => (text += more));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, `${name} ends with ${code}`);
  return JSON.parse(text);
}

async function start(t, answer) {
  const upstream = answer && (await startUpstream(t, answer));
  const gateway = await startGateway(t, { config: upstream?.config });
  const token = await gateway.sharedToken();
  return { asked: upstream?.asked, run: (name, key = token) => run(gateway, key, name) };
}

test("Python: models, and an answer whole and streamed", async (t) => {
  const { run } = await start(t, (reply) => reply.say("Hel", "lo").end());
  const { ids, read } = await run("models");
  assert.ok(ids.includes("openclaw/main"), ids.join());
  assert.deepEqual(read, ids);
  assert.deepEqual(await run("whole"), { text: "Hello", reason: "stop", tokens: 10 });
  const { pieces, ...streamed } = await run("streamed");
  assert.equal(pieces.join(""), "Hello");
  assert.deepEqual(streamed, { reason: "stop", tokens: 10 });
});

test("Python: a tool is called, and its result goes back", async (t) => {
  const weather = { name: "weather", arguments: '{"city":"Oslo"}' };
  const call = { index: 0, id: "call_1", type: "function", function: weather };
  const { run, asked } = await start(t, (reply, _body, nth) => {
    if (nth === 1) reply.delta({ tool_calls: [call] }).end("tool_calls");
    else reply.say("12 degrees").end();
  });
  const expected = ["call_1", "weather", { city: "Oslo" }];
  assert.deepEqual(await run("tool"), { reason: "tool_calls", call: expected, text: "12 degrees" });
  const { tool_call_id, content } = asked[1].body.messages.at(-1);
  assert.deepEqual([tool_call_id, content], ["call_1", "12"]);
});

test("Python: what goes wrong is the client's own kind of error", async (t) => {
  let misbehave = (reply) => reply.refuse(429, {}, { "retry-after": "60" });
  const { run } = await start(t, (reply) => misbehave(reply));
  const stranger = await run("whole", "not-a-token-0123456789");
  assert.deepEqual([stranger.error, stranger.status], ["AuthenticationError", 401]);
  for (const name of ["whole", "streamed"]) {
    const { message, ...error } = await run(name);
    assert.deepEqual(error, { error: "RateLimitError", status: 429, code: "AGENT_RATE_LIMITED" });
    assert.ok(message.length > 20, message);
  }
  misbehave = (reply) => reply.say("Hel").raw("data: {not json\n\n").end();
  assert.equal((await run("whole")).code, "AGENT_BROKEN_ANSWER");
  const cut = await run("streamed");
  assert.deepEqual([cut.error, cut.code], ["APIError", "AGENT_BROKEN_ANSWER"]);
});
