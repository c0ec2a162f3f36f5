// The official client as a host would embed it: a device key, a token store, and one attempt at a
// time, so that a test sees each answer of the gateway.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { GatewayClient } from "@openclaw/gateway-client";

const DEADLINE_MS = 5_000;

/** A device: its key, and the tokens that it was handed. */
export function newDevice() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return {
    id: createHash("sha256").update(raw).digest("hex"),
    publicKey: raw.toString("base64url"),
    privateKey,
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }),
    /** What the client stores, by role: `{token, scopes}`. */
    tokens: new Map(),
  };
}

/** Ed25519 over the payload's bytes, as the protocol wants it. */
export function signWith(device, payload) {
  return sign(null, Buffer.from(payload, "utf8"), device.privateKey).toString("base64url");
}

function hostDeps(device) {
  return {
    signDevicePayload: (_pem, payload) => signWith(device, payload),
    publicKeyRawBase64UrlFromPem: () => device.publicKey,
    loadDeviceAuthToken: ({ role }) => device.tokens.get(role) ?? null,
    storeDeviceAuthToken: ({ role, token, scopes }) => device.tokens.set(role, { token, scopes }),
    clearDeviceAuthToken: ({ role }) => device.tokens.delete(role),
  };
}

/** A client of `gateway`, not started. `options` are the official client's, and `device`. */
export function newClient(gateway, { device, ...options }) {
  const client = new GatewayClient({
    url: gateway.url,
    clientName: "cli",
    mode: "cli",
    platform: "linux",
    deviceFamily: "Linux",
    clientVersion: "1.0.0",
    requestTimeoutMs: DEADLINE_MS,
    ...(device && {
      deviceIdentity: {
        deviceId: device.id,
        privateKeyPem: device.privateKeyPem,
        publicKeyPem: device.publicKeyPem,
      },
      hostDeps: hostDeps(device),
    }),
    ...options,
  });
  const stopped = { stop: () => client.stopAndWait().catch(() => {}) };
  gateway.owns(stopped);
  return client;
}

/** One attempt: `{session}` if the client is let in, `{error, close}` if it is refused. */
async function attempt(gateway, options) {
  const session = new Session();
  const outcome = Promise.withResolvers();
  let error;
  const client = newClient(gateway, {
    ...options,
    onHelloOk: (hello) => {
      if (hello.auth.deviceToken) gateway.secrets.add(hello.auth.deviceToken);
      session.hello ??= hello;
      outcome.resolve({ session });
    },
    onConnectError: (refusal) => (error ??= refusal),
    onEvent: (event) => session.hear(event),
    onGap: (gap) => session.gaps.push(gap),
    onClose: (code, reason) => {
      // One attempt is what was asked for: the client's own retries are tested by themselves.
      client.stop();
      session.ended.resolve({ code, reason });
      outcome.resolve({ error, close: { code, reason } });
    },
  });
  session.client = client;
  client.start();
  return within(outcome.promise, "the gateway answers the connect request");
}

/** Connects, which must succeed. */
export async function connect(gateway, options) {
  const { session, error, close } = await attempt(gateway, options);
  assert.ok(session, `refused: ${error} ${JSON.stringify(error?.details)} ${close?.code}`);
  return session;
}

/**
 * Connects, which must be refused: `{error, message, close}`. The client words some errors anew;
 * `message` is what the gateway said.
 */
export async function refused(gateway, options) {
  const { session, ...refusal } = await attempt(gateway, options);
  assert.ok(!session, `let in with ${JSON.stringify(session?.hello.auth.scopes)}`);
  assert.ok(refusal.error, `closed without an answer: ${JSON.stringify(refusal.close)}`);
  const answers = gateway.connections.at(-1).messages.filter(({ direction }) => direction === "s2c");
  return { ...refusal, message: JSON.parse(answers.at(-1).text).error.message };
}

class Session {
  hello = null;
  client = null;
  events = [];
  gaps = [];
  ended = Promise.withResolvers();
  #waiting = [];

  hear(event) {
    this.events.push(event);
    this.#waiting = this.#waiting.filter(({ matches, resolve }) => {
      if (!matches(event)) return true;
      resolve(event);
      return false;
    });
  }

  /** The payload of the first event of that name for which `matches(payload)` holds, past or to come. */
  async event(name, matches = () => true, ms = DEADLINE_MS) {
    const wanted = (event) => event.event === name && matches(event.payload);
    const past = this.events.find(wanted);
    if (past) return past.payload;
    const { promise, resolve } = Promise.withResolvers();
    this.#waiting.push({ matches: wanted, resolve });
    return (await within(promise, `event ${name} comes`, ms)).payload;
  }

  /** The payloads of every event of that name so far. */
  heard(name) {
    return this.events.filter((event) => event.event === name).map(({ payload }) => payload);
  }

  request(method, params) {
    return this.client.request(method, params);
  }

  /** The error with which a request is refused. */
  async refusal(method, params) {
    try {
      const payload = await this.request(method, params);
      assert.fail(`${method} was answered: ${JSON.stringify(payload)}`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return error;
    }
  }

  /** How the gateway ended the connection. */
  closed() {
    return within(this.ended.promise, "the gateway closes the connection");
  }

  stop() {
    return this.client.stopAndWait();
  }
}

/** The promise's value, or a failure that says what did not happen. */
export async function within(promise, what, ms = DEADLINE_MS) {
  const late = Symbol(what);
  const abort = new AbortController();
  const timer = sleep(ms, late, { signal: abort.signal }).catch(() => {});
  const value = await Promise.race([promise, timer]);
  abort.abort();
  assert.notEqual(value, late, `${what} within ${ms} ms`);
  return value;
}

/** Asks again until the answer is as it should become; fails if it does not within the deadline. */
export async function until(ask, isSo) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (isSo(answer)) return answer;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`);
    await sleep(10);
  }
}

/**
 * The official client left to itself: it reconnects as it sees fit, and what happens to it is written
 * down. `attempts` counts how often it said who it is.
 */
export function follow(gateway, options) {
  const followed = new Followed();
  followed.client = newClient(gateway, {
    ...options,
    onHelloOk: (hello) => {
      if (hello.auth.deviceToken) gateway.secrets.add(hello.auth.deviceToken);
      followed.note("hellos", hello);
    },
    onConnectError: (error) => followed.note("refusals", error.details ?? { error: String(error) }),
    onClose: (code, reason) => followed.note("closes", { code, reason }),
    onReconnectPaused: (info) => followed.note("pauses", info),
    onEvent: (event) => followed.note("events", event),
  });
  followed.client.start();
  return followed;
}

class Followed {
  hellos = [];
  refusals = [];
  closes = [];
  pauses = [];
  events = [];
  #waiting = [];

  note(what, entry) {
    this[what].push(entry);
    this.#waiting = this.#waiting.filter(({ list, count, resolve }) => {
      if (this[list].length < count) return true;
      resolve(this[list][count - 1]);
      return false;
    });
  }

  /** The `count`th entry of a list, past or to come. */
  nth(list, count, ms = 20_000) {
    if (this[list].length >= count) return Promise.resolve(this[list][count - 1]);
    const { promise, resolve } = Promise.withResolvers();
    this.#waiting.push({ list, count, resolve });
    return within(promise, `number ${count} of the client's ${list} comes`, ms);
  }

  /** How often the client said who it is, and was answered. */
  get attempts() {
    return this.hellos.length + this.refusals.length;
  }

  request(method, params, options) {
    return this.client.request(method, params, options);
  }

  stop() {
    return this.client.stopAndWait();
  }
}
