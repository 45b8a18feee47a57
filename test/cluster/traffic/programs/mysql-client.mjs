// Logs in at HOST:PORT with MySQL's protocol, pings ten times and leaves, five times over. Prints JSON: the server's version, the
// pings that were answered, and how long the fastest greeting took, in ms.
import { once } from "node:events";
import { connect } from "node:net";

const [host, port] = process.argv.slice(2);

/** The payload of the next packet. */
async function read(socket) {
  for (;;) {
    const head = socket.read(4);
    if (head) {
      const length = head.readUIntLE(0, 3);
      for (;;) {
        const payload = socket.read(length);
        if (payload) return payload;
        await once(socket, "readable");
      }
    }
    if (socket.readableEnded) throw new Error("the server has hung up");
    await once(socket, "readable");
  }
}

function write(socket, number, payload) {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = number;
  socket.write(Buffer.concat([head, payload]));
}

/** Protocol::HandshakeResponse41 of a user without password. */
const LOGIN = Buffer.concat([
  Buffer.from([0x00, 0x82, 0x08, 0x00, 0, 0, 0, 1, 45]),
  Buffer.alloc(23),
  Buffer.from("shop\0\0mysql_native_password\0"),
]);

let version = "";
let pings = 0;
let greetedMs = Infinity;
for (let visit = 0; visit < 5; visit++) {
  const start = performance.now();
  const socket = connect({ host, port: Number(port) });
  const greeting = await read(socket);
  greetedMs = Math.min(greetedMs, performance.now() - start);
  version = greeting.toString("latin1", 1, greeting.indexOf(0, 1));
  write(socket, 1, LOGIN);
  if ((await read(socket))[0] !== 0) throw new Error("not logged in");
  for (let ping = 0; ping < 10; ping++) {
    write(socket, 0, Buffer.from([0x0e]));
    if ((await read(socket))[0] === 0) pings++;
  }
  write(socket, 0, Buffer.from([0x01]));
  socket.resume();
  await once(socket, "end");
}
console.log(JSON.stringify({ version, pings, greetedMs: Math.round(greetedMs) }));
