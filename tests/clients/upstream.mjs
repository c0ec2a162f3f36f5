// A model server that does what a test says: OpenAI's chat completions as model servers stream them,
// good and bad.

import { once } from "node:events";
import http from "node:http";

/** What the gateway has to show it. */
export const KEY = "a-key-for-the-model-server-0123456789";

/**
 * Starts one, which ends with the test. `answer(reply, body, nth)` is called for each request; `asked`
 * holds every body with its headers. `config` binds a gateway's agents to it.
 */
export async function startUpstream(t, answer) {
  const asked = [];
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    const body = JSON.parse(text);
    asked.push({ body, headers: request.headers, at: Date.now() });
    // Whoever is gone is not written to, and that is no failure of the server's.
    response.on("error", () => {});
    await answer(new Reply(response), body, asked.length);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${server.address().port}/v1`;
  const scripted = { baseUrl, apiKey: KEY, models: [{ id: "m1" }] };
  const config = {
    models: { providers: { scripted } },
    agents: { defaults: { model: "scripted/m1" } },
  };
  return { asked, config };
}

class Reply {
  #response;

  constructor(response) {
    this.#response = response;
    /** Settles when the other side is gone, or has everything. */
    this.closed = once(response, "close");
  }

  /** A refusal, or anything else that is no stream. */
  refuse(status, body, headers = {}) {
    this.#response.writeHead(status, { "content-type": "application/json", ...headers });
    this.#response.end(JSON.stringify(body));
  }

  /** Bytes of the stream. */
  raw(text) {
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, { "content-type": "text/event-stream" });
    }
    this.#response.write(text);
    return this;
  }

  #chunk(more) {
    const chunk = { id: "up", object: "chat.completion.chunk", created: 1, model: "m1", ...more };
    return this.raw(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  delta(delta, finish_reason = null) {
    return this.#chunk({ choices: [{ index: 0, delta, finish_reason }] });
  }

  say(...texts) {
    texts.forEach((content) => this.delta({ content }));
    return this;
  }

  /** The end, with what was used. */
  end(reason = "stop") {
    this.delta({}, reason);
    const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
    this.#chunk({ choices: [], usage }).raw("data: [DONE]\n\n");
    this.#response.end();
  }

  /** Ends the connection where it is. */
  cut() {
    this.#response.destroy();
  }
}
