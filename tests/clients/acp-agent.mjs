// An agent of the Agent Client Protocol, with the protocol's own SDK, for tests: it does what the last
// word of what it is told says, and its answer tells what it was answered.

import { Readable, Writable } from "node:stream";

import { agent, methods, ndJsonStream } from "@agentclientprotocol/sdk";

const { session } = methods.agent;
const OPTIONS = [
  { optionId: "yes", name: "Allow", kind: "allow_once" },
  { optionId: "always", name: "Always allow", kind: "allow_always" },
  { optionId: "no", name: "Reject", kind: "reject_once" },
];

/** Ends what waits in a session, when it is cancelled. */
const cancels = new Map();
let sessions = 0;

agent({ name: "test-agent" })
  .onRequest(methods.agent.initialize, () => ({ protocolVersion: 1, agentCapabilities: {} }))
  .onRequest(session.new, () => ({ sessionId: `session-${++sessions}` }))
  .onNotification(session.cancel, ({ params }) => cancels.get(params.sessionId)?.())
  .onRequest(session.prompt, async ({ params, client }) => {
    const { sessionId, prompt } = params;
    const cancelled = new Promise((resolve) => cancels.set(sessionId, resolve));
    const say = (text) =>
      client.notify(methods.client.session.update, {
        sessionId,
        update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
      });
    const wish = () =>
      client.request(methods.client.session.requestPermission, {
        sessionId,
        toolCall: {
          toolCallId: "call-1",
          title: "rm -rf build",
          kind: "execute",
          rawInput: { command: "rm -rf build" },
        },
        options: OPTIONS,
      });
    switch (prompt.at(-1).text.trim().split(" ").at(-1)) {
      case "ask": {
        const { outcome } = await wish();
        await say(outcome.outcome === "selected" ? `told ${outcome.optionId}` : "told nothing");
        return { stopReason: outcome.outcome === "selected" ? "end_turn" : "cancelled" };
      }
      case "ask-and-crash":
        wish().catch(() => {});
        // Long enough for the request to be on its way.
        setTimeout(() => process.exit(3), 300);
        return new Promise(() => {});
      case "work":
        await say("working");
        await cancelled;
        return { stopReason: "cancelled" };
      default:
        await say("done");
        return { stopReason: "end_turn" };
    }
  })
  .connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
