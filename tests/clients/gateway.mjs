// Starts the doorward binary for one test, and holds it to what must be true after every test:
// it stops within 5 s with exit code 0, every frame it sent fits the published schema, its ledger
// verifies, and no secret lies anywhere but in its own file (N5 A5.6).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { violationsOf } from "./schema.mjs";
import { openTap } from "./tap.mjs";

const BINARY = process.env.DOORWARD_BINARY;
if (!BINARY) throw new Error("DOORWARD_BINARY is not set: start the suite with tests/clients/run");

const START_DEADLINE_MS = 10_000;
const STOP_DEADLINE_MS = 5_000;

/** Files of the state directory that are there to hold a secret. */
const SECRET_FILES = new Set(["shared-token", "doorward.json"]);

/**
 * Starts a gateway with a fresh state directory; it is stopped and checked when the test ends.
 *
 * `config` becomes doorward.json: an object, or a function of the port that gives its text; with
 * `portFromConfig`, the port is given nowhere else. `args` are added to `doorward run`, `env` to an
 * otherwise bare environment, so that nobody's own OPENCLAW_ variables reach it.
 */
export async function startGateway(t, { config, portFromConfig = false, args = [], env = {} } = {}) {
  const stateDir = await mkdtemp(path.join(tmpdir(), "doorward-clients-"));
  const port = await freePort();
  if (config !== undefined) {
    const text = typeof config === "function" ? config(port) : JSON.stringify(config);
    await writeFile(path.join(stateDir, "doorward.json"), text, { mode: 0o600 });
  }
  const bare = { PATH: process.env.PATH, HOME: stateDir };
  const gateway = new Gateway(stateDir, port, { ...bare, ...env });
  t.after(() => gateway.finish());
  await gateway.start(portFromConfig ? args : ["--port", String(port), ...args]);
  return gateway;
}

class Gateway {
  #env;
  #command;
  #process;
  #exited;
  #tap;
  #output = "";
  #clients = [];
  #excused = [];

  constructor(stateDir, port, env) {
    this.stateDir = stateDir;
    this.port = port;
    this.#env = env;
    /** Every secret that was seen; none may turn up in a log, a record or a file. */
    this.secrets = new Set();
  }

  async start(args) {
    this.#command = ["run", ...args, "--state-dir", this.stateDir];
    await this.#run();
    this.#tap = await openTap(this.port);
    this.url = `ws://127.0.0.1:${this.#tap.port}`;
    /** The origin of a page that this gateway serves. */
    this.origin = `http://127.0.0.1:${this.#tap.port}`;
  }

  /** Ends it by a signal, and starts it again on the same state. Clients keep their address. */
  async restart(signal) {
    this.#process.kill(signal);
    const { code } = await this.#exited;
    if (signal === "SIGTERM") assert.equal(code, 0, `doorward ended with ${code}:\n${this.#output}`);
    await this.#run();
  }

  async #run() {
    this.#process = spawn(BINARY, this.#command, {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.#output += text));
    }
    this.#exited = new Promise((resolve) => {
      this.#process.on("exit", (code, signal) => resolve({ code, signal }));
    });
    await this.#untilReady();
  }

  async #untilReady() {
    const deadline = Date.now() + START_DEADLINE_MS;
    let gone;
    this.#exited.then((how) => (gone = how));
    while ((await get(this.port, "/readyz")).status !== 200) {
      if (gone) throw new Error(`doorward ended with ${JSON.stringify(gone)}:\n${this.#output}`);
      if (Date.now() > deadline) throw new Error(`doorward is not ready:\n${this.#output}`);
      await sleep(10);
    }
  }

  /** The shared token that the gateway made for itself. */
  async sharedToken() {
    const text = await readFile(path.join(this.stateDir, "shared-token"), "utf8");
    const token = text.trim();
    this.secrets.add(token);
    return token;
  }

  /** Everything that it printed so far. */
  get output() {
    return this.#output;
  }

  /** Every connection so far, with the frames of both directions. */
  get connections() {
    return this.#tap.connections;
  }

  /** Something with a `stop()` that must not outlive the test. */
  owns(client) {
    this.#clients.push(client);
  }

  /** Frames for which `matches(frame)` holds may break the schema. Say why where this is called. */
  excuse(matches) {
    this.#excused.push(matches);
  }

  /** Runs `doorward <args> --json` on the host; `lines` are the JSON documents that it printed. */
  async cli(...args) {
    const child = spawn(BINARY, [...args, "--json", "--state-dir", this.stateDir], {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    const code = await new Promise((resolve) => child.on("close", resolve));
    this.#output += stdout + stderr;
    const lines = stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    return { code, stdout, stderr, lines, document: lines[0] };
  }

  /** As [`cli`], for a command that must succeed: its one document. */
  async host(...args) {
    const { code, document, stderr } = await this.cli(...args);
    assert.equal(code, 0, `doorward ${args.join(" ")}: ${stderr}`);
    return document;
  }

  /** Sends SIGTERM and waits for the end. Says how it ended and after how many milliseconds. */
  async stop() {
    const started = Date.now();
    this.#process.kill("SIGTERM");
    const late = sleep(STOP_DEADLINE_MS, "late", { ref: false });
    const how = await Promise.race([this.#exited, late]);
    if (how === "late") this.#process.kill("SIGKILL");
    return { ...(how === "late" ? { late: true } : how), ms: Date.now() - started };
  }

  /** Ends the test's gateway and checks what must hold after every test. */
  async finish() {
    try {
      for (const client of this.#clients) await client.stop();
      if (!this.#tap) return;
      const running = this.#process.exitCode === null && this.#process.signalCode === null;
      if (running) {
        const { code, late } = await this.stop();
        assert.ok(!late, `doorward takes more than ${STOP_DEADLINE_MS} ms to stop`);
        assert.equal(code, 0, `doorward ended with ${code}:\n${this.#output}`);
      }
      this.#tap.close();
      this.#assertFramesFit();
      assert.equal((await this.host("audit", "verify")).ok, true, "the ledger verifies");
      await this.#assertNoSecretOutside();
    } finally {
      this.#process?.kill("SIGKILL");
      this.#tap?.close();
      await rm(this.stateDir, { recursive: true, force: true });
    }
  }

  #assertFramesFit() {
    const violations = this.connections.flatMap((connection) => violationsOf(connection));
    const unexcused = violations.filter(({ frame }) => !this.#excused.some((says) => says(frame)));
    const told = Map.groupBy(unexcused, ({ what }) => what);
    const lines = [...told].map(([what, all]) => {
      return `${all.length} x ${what}, first in\n    ${JSON.stringify(all[0].frame)}`;
    });
    assert.equal(lines.length, 0, `frames that break the schema:\n${lines.join("\n")}`);
  }

  async #assertNoSecretOutside() {
    for (const secret of this.secrets) {
      assert.ok(!this.#output.includes(secret), "a secret was printed");
    }
    const entries = await readdir(this.stateDir, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((entry) => entry.isFile())) {
      if (SECRET_FILES.has(entry.name)) continue;
      const bytes = await readFile(path.join(entry.parentPath, entry.name));
      for (const secret of this.secrets) {
        assert.ok(!bytes.includes(secret), `a secret lies in ${entry.name}`);
      }
    }
  }
}

/**
 * A port below the range from which the system picks ports for connections, so that a gateway which is
 * started again finds its port free.
 */
async function freePort() {
  for (;;) {
    const port = 20_000 + (process.pid * 89 + nextPort++) % 12_000;
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "0.0.0.0", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

let nextPort = 0;

/** `GET http://127.0.0.1:port/path`; status 0 if nobody answers. */
export function get(port, path, headers = {}) {
  return new Promise((resolve) => {
    const request = http.get({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    request.on("error", () => resolve({ status: 0, body: "" }));
  });
}
