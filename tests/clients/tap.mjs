// A tap on the wire: passes bytes through untouched between a client and the gateway, and reads the
// WebSocket frames of both directions as they go by. The gateway sees the client's own upgrade
// request and the client sees the gateway's own close, so the tap changes nothing that is tested.

import net from "node:net";

import { Receiver } from "ws";

const END_OF_HEAD = "\r\n\r\n";

/** Listens on a free port and passes every connection on to `port`. */
export async function openTap(port) {
  const connections = [];
  const sockets = new Set();
  const server = net.createServer((client) => {
    const gateway = net.connect(port, "127.0.0.1");
    const connection = { messages: [], closes: {}, faults: [] };
    connections.push(connection);
    const toGateway = reader(connection, "c2s", true);
    const toClient = reader(connection, "s2c", false);
    client.on("data", toGateway);
    gateway.on("data", toClient);
    client.pipe(gateway);
    gateway.pipe(client);
    for (const [socket, other] of [[client, gateway], [gateway, client]]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    connections,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Reads one direction of one connection: the HTTP head first, then frames if it was an upgrade. A
 * connection that begins as plain HTTP stays so: browsers open another one for a WebSocket.
 */
function reader(connection, direction, fromClient) {
  let head = "";
  let frames;
  let plain = false;
  return (chunk) => {
    if (plain) return;
    // A copy: the receiver unmasks in place, and these bytes still have to go on.
    if (frames) return void frames.write(Buffer.from(chunk));
    head += chunk.toString("latin1");
    const end = head.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const rest = Buffer.from(head.slice(end + END_OF_HEAD.length), "latin1");
    head = head.slice(0, end);
    plain = !(fromClient ? /^upgrade: *websocket/im.test(head) : head.startsWith("HTTP/1.1 101"));
    if (plain) return;
    frames = new Receiver({ isServer: fromClient, binaryType: "nodebuffer" });
    frames.on("message", (data, isBinary) => {
      connection.messages.push({ direction, text: data.toString("utf8"), isBinary });
    });
    frames.on("conclude", (code, reason) => {
      connection.closes[direction] = { code, reason: reason.toString("utf8") };
    });
    frames.on("error", (error) => connection.faults.push({ direction, what: error.message }));
    if (rest.length > 0) frames.write(rest);
  };
}
