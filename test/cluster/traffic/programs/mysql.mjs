// Speaks MySQL's protocol (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html) as far as clients need it to
// log in, to ping and to leave: the server speaks first, and a client that hears nothing waits.
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";

const COM_QUIT = 0x01;
const COM_PING = 0x0e;

/** Of three bytes for the length, one for the number in the conversation. */
function packet(number, payload) {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = number;
  return Buffer.concat([head, payload]);
}

const OK = Buffer.from([0x00, 0, 0, 2, 0, 0, 0]);

/** Protocol::HandshakeV10, for clients of protocol 4.1 that send their password's hash. */
function greeting() {
  const salt = randomBytes(20).map((byte) => (byte % 127) + 1);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from("8.0.0-test\0"),
    Buffer.from([1, 0, 0, 0]),
    salt.subarray(0, 8),
    Buffer.from([0, 0xff, 0xf7, 45, 2, 0, 0xff, 0x81, 21]),
    Buffer.alloc(10),
    salt.subarray(8),
    Buffer.from("\0mysql_native_password\0"),
  ]);
}

function converse(socket) {
  let unread = Buffer.alloc(0);
  let isLoggedIn = false;
  socket.on("error", () => undefined);
  socket.write(packet(0, greeting()));
  socket.on("data", (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUIntLE(0, 3)) {
      const end = 4 + unread.readUIntLE(0, 3);
      const [number, command] = [unread[3], unread[4]];
      unread = unread.subarray(end);
      if (isLoggedIn && command === COM_QUIT) socket.end();
      else if (!isLoggedIn || command === COM_PING) socket.write(packet(number + 1, OK));
      else socket.destroy();
      isLoggedIn = true;
    }
  });
}

for (const port of process.argv.slice(2)) createServer(converse).listen(Number(port));
process.on("SIGTERM", () => process.exit(0));
