// OpenClaw's own Control UI, as doorward serves it: it asks to be approved, talks, and finds it again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { startGateway } from "../clients/gateway.mjs";
import { openBrowser } from "./browser.mjs";

const controlUi = { root: process.env.CONTROL_UI };
const ECHO = "No agent is configured, so this is only an echo";
const said = (text) => `${ECHO} (set agents.defaults in the configuration): ${text}`;

async function open(t, gateway) {
  const browser = await openBrowser(t);
  await browser.page.goto(`${gateway.origin}/#token=${await gateway.sharedToken()}`);
  return browser;
}

/** Where a message is written. */
const composer = (page) => page.getByPlaceholder("Message main");

/** Writes a message and waits for the whole answer. */
async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await page.getByText(said(text)).first().waitFor();
}

/** The messages of the connection on which the page talks. */
function framesOf(gateway) {
  const { messages } = gateway.connections.findLast(({ messages }) =>
    messages.some(({ text }) => text.includes('"chat.send"')),
  );
  return messages.filter(({ direction }) => direction === "s2c").map(({ text }) => JSON.parse(text));
}

test("a browser asks, is approved on the host, talks, and finds it all again after a reload", async (t) => {
  const gateway = await startGateway(t, {
    config: { gateway: { controlUi, nodes: { pairing: { autoApproveLocal: false } } } },
  });
  const { page, faults, shot } = await open(t, gateway);

  await page.getByText("Approve this browser").waitFor();
  const { pending } = await gateway.host("devices", "list");
  assert.equal(pending.length, 1);
  const [{ requestId, profile }] = pending;
  assert.equal(profile.clientId, "openclaw-control-ui");
  // The page breaks the line within the id.
  const shown = (await page.locator("body").innerText()).replace(/\s/g, "");
  assert.ok(shown.includes(requestId), "the page says which request to approve");
  await shot("asks");
  await gateway.host("devices", "approve", requestId);

  await composer(page).waitFor();
  assert.match(new URL(page.url()).pathname, /^\/chat\b/, "no detour to set up a model");
  await say(page, "hello from the browser");
  const chat = framesOf(gateway).filter(({ event }) => event === "chat");
  const states = chat.map(({ payload }) => payload.state);
  assert.ok(states.indexOf("delta") >= 0, "the answer streams");
  assert.ok(states.indexOf("delta") < states.indexOf("final"), "before it is whole");
  await shot("answered");

  await page.reload();
  await page.getByText(said("hello from the browser")).first().waitFor();
  await say(page, "and once more");
  await shot("after-reload");
  assert.deepEqual(faults, []);

  const { paired } = await gateway.host("devices", "list");
  assert.equal(paired.length, 1, "the reload was the same device");
});

test("a browser on this machine is let in by the local policy", async (t) => {
  const gateway = await startGateway(t, { config: { gateway: { controlUi } } });
  const { page, faults } = await open(t, gateway);
  await composer(page).waitFor();
  await say(page, "hello");
  await page.goto(`${gateway.origin}/usage`);
  await page.getByText("1 sessions in range").waitFor();
  assert.deepEqual(faults, []);
});

test("the page lives below a path as well", async (t) => {
  const config = { gateway: { controlUi: { ...controlUi, basePath: "/openclaw" } } };
  const gateway = await startGateway(t, { config });
  const { page, faults } = await openBrowser(t);
  await page.goto(`${gateway.origin}/openclaw#token=${await gateway.sharedToken()}`);
  await composer(page).waitFor();
  assert.match(new URL(page.url()).pathname, /^\/openclaw\/chat\b/);
  await say(page, "hello");
  assert.deepEqual(faults, []);
});
