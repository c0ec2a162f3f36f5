// A client without manners: it sends exactly what a test wants to send. For what the official client
// never does, and for what older and other clients do.

import assert from "node:assert/strict";

import { buildDeviceAuthPayload, buildDeviceAuthPayloadV3 } from "@openclaw/gateway-client";
import WebSocket from "ws";

import { signWith, within } from "./client.mjs";

/** Opens a socket and waits for the challenge. */
export async function openRaw(gateway, { path = "/", headers = {} } = {}) {
  const raw = new Raw(new WebSocket(gateway.url + path, { headers }));
  gateway.owns({ stop: () => raw.socket.terminate() });
  raw.challenge = (await raw.next()).payload;
  return raw;
}

/** Opens a socket, sends a connect request, and takes the answer. */
export async function connectRaw(gateway, { params, headers }) {
  const raw = await openRaw(gateway, { headers });
  raw.request("connect", typeof params === "function" ? params(raw.challenge) : params, "c");
  raw.answer = await raw.next();
  return raw;
}

class Raw {
  #messages = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    /** How the connection ended. */
    this.ended = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString("utf8") }));
    });
    this.ended.then(() => this.#waiting.splice(0).forEach(({ resolve }) => resolve(null)));
    socket.on("message", (data) => {
      const frame = JSON.parse(data.toString("utf8"));
      const waiting = this.#waiting.shift();
      if (waiting) waiting.resolve(frame);
      else this.#messages.push(frame);
    });
    socket.on("error", () => {});
  }

  /** The next frame; null if the connection ends first. */
  next() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    if (this.socket.readyState === WebSocket.CLOSED) return Promise.resolve(null);
    const waiting = Promise.withResolvers();
    this.#waiting.push(waiting);
    return within(waiting.promise, "a frame comes");
  }

  /** The next answer, passing over events. */
  async nextAnswer() {
    for (;;) {
      const frame = await this.next();
      if (frame?.type !== "event") return frame;
    }
  }

  send(data) {
    this.socket.send(typeof data === "object" && !Buffer.isBuffer(data) ? JSON.stringify(data) : data);
  }

  request(method, params, id = method) {
    this.send({ type: "req", id, method, ...(params !== undefined && { params }) });
  }

  /** The answer to one request. */
  async call(method, params, id) {
    this.request(method, params, id);
    const answer = await this.nextAnswer();
    assert.ok(answer, `${method} is answered`);
    return answer;
  }

  closed(ms) {
    return within(this.ended, "the connection ends", ms);
  }
}

/** Connect parameters as the official CLI sends them; every part can be replaced or left out. */
export function connectParams({ client = {}, ...rest } = {}) {
  const params = {
    minProtocol: 4,
    maxProtocol: 4,
    client: { id: "cli", version: "1.0.0", platform: "linux", mode: "cli", ...client },
    role: "operator",
    scopes: ["operator.read"],
    caps: [],
    ...rest,
  };
  return JSON.parse(JSON.stringify(params));
}

/** Adds a device's proof to connect parameters. `as` replaces parts of what is signed and sent. */
export function withDevice(params, device, challenge, { version = 3, as = {}, signed = {} } = {}) {
  const { token, deviceToken, bootstrapToken } = params.auth ?? {};
  const proof = {
    id: device.id,
    publicKey: device.publicKey,
    signedAt: challenge.ts,
    nonce: challenge.nonce,
    ...as,
  };
  const payload = {
    deviceId: proof.id,
    clientId: params.client.id,
    clientMode: params.client.mode,
    role: params.role,
    scopes: params.scopes,
    signedAtMs: proof.signedAt,
    token: token ?? deviceToken ?? bootstrapToken ?? null,
    nonce: proof.nonce,
    platform: params.client.platform,
    deviceFamily: params.client.deviceFamily,
    ...signed,
  };
  const text = version === 3 ? buildDeviceAuthPayloadV3(payload) : buildDeviceAuthPayload(payload);
  return { ...params, device: { ...proof, signature: signWith(device, text), ...as } };
}

/** An error's details without the hint, which every refusal has (N6 A6.1). */
export function unhinted({ remediationHint, ...details }) {
  assert.match(remediationHint, /\S/, "a refusal says what to do");
  return details;
}
