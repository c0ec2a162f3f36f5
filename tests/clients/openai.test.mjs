// The official `openai` client, unmodified, against the HTTP API: with the embedded echo, and with a
// model server that behaves well and badly. The connector of openclaw #57434 is such a client.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { connect, within } from "./client.mjs";
import { startGateway } from "./gateway.mjs";
import { KEY, startUpstream } from "./upstream.mjs";

const clientOf = (gateway, apiKey) =>
  new OpenAI({ baseURL: `http://127.0.0.1:${gateway.port}/v1`, apiKey, maxRetries: 0 });

/** A gateway in front of a model server that answers as `answer` does, and a client with every right. */
async function start(t, answer) {
  const upstream = answer && (await startUpstream(t, answer));
  const gateway = await startGateway(t, { config: upstream?.config });
  gateway.secrets.add(KEY);
  const client = clientOf(gateway, await gateway.sharedToken());
  return { gateway, client, asked: upstream?.asked };
}

const user = (content) => ({ role: "user", content });
const asking = (more) => ({ model: "openclaw", messages: [user("hi")], ...more });

/** Asks for a whole answer and for a stream, and gives both the same shape. */
const WAYS = {
  whole: async (client, more) => {
    const { choices, usage } = await client.chat.completions.create(asking(more));
    const [{ message, finish_reason }] = choices;
    return { text: message.content, calls: message.tool_calls, reason: finish_reason, usage };
  },
  streamed: async (client, more) => {
    const wanted = { stream: true, stream_options: { include_usage: true } };
    const stream = await client.chat.completions.create(asking({ ...more, ...wanted }));
    const got = { text: "" };
    for await (const { choices, usage } of stream) {
      if (usage) got.usage = usage;
      for (const { delta, finish_reason } of choices) {
        got.text += delta.content ?? "";
        if (delta.tool_calls) got.calls = [...(got.calls ?? []), ...delta.tool_calls];
        got.reason = finish_reason ?? got.reason;
      }
    }
    got.calls = got.calls?.map(({ index, ...call }) => call);
    return got;
  },
};

/** The error with which something fails; it must be one of the client's own. */
async function failure(promise) {
  const error = await promise.then((value) => assert.fail(JSON.stringify(value)), (error) => error);
  assert.ok(error instanceof OpenAI.APIError, `${error?.stack}`);
  return error;
}

const USAGE = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };

test("models are listed, and each can be read by its name", async (t) => {
  const { client } = await start(t);
  const ids = [];
  for await (const { id } of client.models.list()) ids.push(id);
  assert.ok(ids.includes("openclaw/main"), ids.join());
  for (const id of ids) assert.equal((await client.models.retrieve(id)).id, id);
  const error = await failure(client.models.retrieve("openclaw/nobody"));
  assert.ok(error instanceof OpenAI.NotFoundError);
});

for (const [name, ask] of Object.entries(WAYS)) {
  test(`${name}: the echo answers with nothing configured`, async (t) => {
    const { client } = await start(t);
    const { text, reason, usage } = await ask(client);
    assert.match(text, /only an echo.* hi$/s);
    assert.equal(reason, "stop");
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  });

  test(`${name}: the model's words and counts, and what was asked reaches it`, async (t) => {
    const { client, asked } = await start(t, (reply) => reply.say("Hel", "lo").end());
    const fields = { temperature: 0.5, top_p: 0.9, seed: 4, stop: ["END"], presence_penalty: 1 };
    const messages = [{ role: "system", content: "Be brief." }, user("hi")];
    const answer = await ask(client, { ...fields, messages });
    assert.deepEqual(answer, { text: "Hello", calls: undefined, reason: "stop", usage: USAGE });
    const [{ body, headers }] = asked;
    assert.equal(headers.authorization, `Bearer ${KEY}`);
    assert.equal(body.model, "m1");
    const passed = Object.fromEntries(Object.keys(fields).map((key) => [key, body[key]]));
    assert.deepEqual({ ...passed, stop: [passed.stop].flat() }, fields);
    assert.deepEqual(body.messages, messages);
  });

  test(`${name}: a picture reaches the model as it was sent`, async (t) => {
    const { client, asked } = await start(t, (reply) => reply.say("a dot").end());
    const url = `data:image/png;base64,${Buffer.from("not really a picture").toString("base64")}`;
    const content = [{ type: "text", text: "what is it?" }, { type: "image_url", image_url: { url } }];
    assert.equal((await ask(client, { messages: [user(content)] })).text, "a dot");
    const parts = asked[0].body.messages[0].content;
    assert.deepEqual(parts.map(({ type }) => type), ["text", "image_url"]);
    assert.equal(parts[1].image_url.url, url);
  });

  test(`${name}: a tool is called, and its result goes back`, async (t) => {
    const called = (id, name) => ({ index: 0, id, type: "function", function: { name, arguments: "" } });
    const more = (text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] });
    const { client, asked } = await start(t, (reply, _body, nth) => {
      if (nth > 1) return reply.say("12 degrees").end();
      reply.delta({ tool_calls: [called("call_1", "weather")] });
      reply.delta(more('{"city":')).delta(more('"Oslo"}')).end("tool_calls");
    });
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const { calls, reason } = await ask(client, { tools });
    assert.equal(reason, "tool_calls");
    const call = { id: "call_1", type: "function" };
    const expected = { ...call, function: { name: "weather", arguments: '{"city":"Oslo"}' } };
    assert.deepEqual(calls, [expected]);
    assert.deepEqual(asked[0].body.tools[0].function, { name: "weather", parameters });
    const result = { role: "tool", tool_call_id: "call_1", content: "12" };
    const messages = [user("hi"), { role: "assistant", content: null, tool_calls: calls }, result];
    assert.equal((await ask(client, { messages, tools })).text, "12 degrees");
    const [, assistant, tool] = asked[1].body.messages;
    assert.deepEqual(assistant.tool_calls, [expected]);
    assert.deepEqual([tool.role, tool.tool_call_id, tool.content], ["tool", "call_1", "12"]);
  });

  for (const [how, misbehave] of [
    ["cut midway", (reply) => reply.say("Hel") && setTimeout(() => reply.cut(), 50)],
    ["malformed", (reply) => reply.say("Hel").raw("data: {not json\n\n").end()],
  ]) {
    test(`${name}: an answer that is ${how} is an error, and never looks whole`, async (t) => {
      const { client, asked } = await start(t, misbehave);
      const error = await failure(ask(client));
      assert.equal(error.code, "AGENT_BROKEN_ANSWER");
      assert.ok(error.message.length > 20, error.message);
      if (name === "whole") assert.equal(error.status, 502);
      assert.equal(asked.length, 1, "what was begun is not asked for again");
    });
  }

  test(`${name}: 429 with Retry-After is waited for, and the second answer counts`, async (t) => {
    const busy = { error: { message: "slow down" } };
    const { client, asked } = await start(t, (reply, _body, nth) =>
      nth === 1 ? reply.refuse(429, busy, { "retry-after": "1" }) : reply.say("now").end(),
    );
    assert.equal((await ask(client)).text, "now");
    assert.equal(asked.length, 2);
    assert.ok(asked[1].at - asked[0].at >= 1_000, "not before it may");
  });

  test(`${name}: a wait that is too long is the client's to make`, async (t) => {
    const busy = { error: { message: "slow down" } };
    const { client } = await start(t, (reply) => reply.refuse(429, busy, { "retry-after": "60" }));
    const error = await failure(ask(client));
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.deepEqual([error.status, error.code], [429, "AGENT_RATE_LIMITED"]);
    assert.equal(error.headers.get("retry-after"), "60");
  });

  test(`${name}: 500 is tried again and then told, without the key`, async (t) => {
    const broken = { error: { message: `it is on fire, ${KEY}` } };
    const { client, asked } = await start(t, (reply) => reply.refuse(500, broken));
    const error = await failure(ask(client));
    assert.ok(error instanceof OpenAI.InternalServerError || name === "streamed", error.message);
    assert.equal(error.code, "AGENT_REJECTED");
    assert.match(error.message, /on fire/);
    assert.ok(!error.message.includes(KEY), error.message);
    assert.equal(asked.length, 3);
  });

  test(`${name}: a client that goes away ends the request to the model`, async (t) => {
    const begun = Promise.withResolvers();
    const { client } = await start(t, (reply) => {
      reply.say("begun");
      begun.resolve(reply);
    });
    const abort = new AbortController();
    const going = client.chat.completions.create(asking({ stream: name === "streamed" }), {
      signal: abort.signal,
    });
    going.catch(() => {});
    const reply = await within(begun.promise, "the model is asked");
    if (name === "streamed") await going;
    abort.abort();
    await within(reply.closed, "the request to the model ends");
  });
}

test("streamed: each piece comes when it is said, not when all is said", async (t) => {
  const heard = Promise.withResolvers();
  const { client } = await start(t, async (reply) => {
    reply.say("first");
    await heard.promise;
    reply.say("second").end();
  });
  const pieces = [];
  const stream = await client.chat.completions.create(asking({ stream: true }));
  const all = (async () => {
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content) pieces.push(choices[0].delta.content);
      if (pieces.length === 1) heard.resolve();
    }
  })();
  await within(all, "the stream ends");
  assert.deepEqual(pieces, ["first", "second"]);
});

test("what is wrong with a request is the client's own kind of error", async (t) => {
  const { gateway, client } = await start(t);
  for (const more of [{ model: "gpt-5" }, { messages: [] }, { temperature: 9 }, { n: 2 }]) {
    const error = await failure(client.chat.completions.create(asking(more)));
    assert.ok(error instanceof OpenAI.BadRequestError, JSON.stringify(more));
    assert.ok(error.error.message && error.type === "invalid_request_error", JSON.stringify(error.error));
  }
  const stranger = clientOf(gateway, "not-a-token-0123456789");
  assert.ok((await failure(stranger.models.list())) instanceof OpenAI.AuthenticationError);
});

/** A service token named as its only scope. */
async function serviceToken(gateway, scope) {
  const admin = await connect(gateway, { token: await gateway.sharedToken(), scopes: ["operator.admin"] });
  const made = await admin.request("doorward.tokens.create", { name: scope, scopes: [scope] });
  gateway.secrets.add(made.token);
  return made;
}

test("oc#57434: a connector with operator.write streams; with operator.read it learns what is missing", async (t) => {
  const { gateway } = await start(t, (reply) => reply.say("Hello").end());
  const writer = clientOf(gateway, (await serviceToken(gateway, "operator.write")).token);
  assert.equal((await WAYS.streamed(writer)).text, "Hello");
  const reader = clientOf(gateway, (await serviceToken(gateway, "operator.read")).token);
  assert.ok((await reader.models.list()).data.length > 0);
  for (const ask of Object.values(WAYS)) {
    const error = await failure(ask(reader));
    assert.ok(error instanceof OpenAI.PermissionDeniedError);
    assert.deepEqual([error.status, error.code], [403, "MISSING_SCOPE"]);
    assert.match(error.message, /missing scope: operator\.write/);
    assert.equal(error.error.details.missingScope, "operator.write");
    assert.ok(error.error.remedy.length > 10, JSON.stringify(error.error));
  }
});

test("oc#57434: a token that is revoked midway ends its stream and the request to the model", async (t) => {
  const begun = Promise.withResolvers();
  const { gateway } = await start(t, (reply) => {
    reply.say("begun");
    begun.resolve(reply);
  });
  const { id, token } = await serviceToken(gateway, "operator.write");
  const stream = await clientOf(gateway, token).chat.completions.create(asking({ stream: true }));
  const pieces = [];
  const reading = (async () => {
    for await (const { choices } of stream) pieces.push(choices[0].delta.content);
  })();
  const ended = failure(reading);
  const reply = await within(begun.promise, "the model is asked");
  await gateway.host("tokens", "revoke", id);
  const error = await within(ended, "the stream ends");
  assert.ok(error.code && error.message, JSON.stringify(error.error));
  assert.ok(pieces.includes("begun"), "what was said before was heard");
  await within(reply.closed, "the request to the model ends");
});
