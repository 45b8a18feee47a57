// Can be probed in the way KIND at PORT while it is well: until SIGUSR2 makes it ill.
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createServer as createTcpServer } from "node:net";

const { Server, ServerCredentials } = createRequire("/mesh/")("@grpc/grpc-js");
const [kind, port] = process.argv.slice(2);
/** Pods always have memory there; it outlives the program. */
const file = `/dev/shm/ill-${kind}`;

let isIll = false;
rmSync(file, { force: true });
process.on("SIGUSR2", () => {
  isIll = true;
  writeFileSync(file, "");
});

const SERVERS = {
  http: () =>
    createServer((_request, response) => {
      response.statusCode = isIll ? 500 : 200;
      response.end();
    }).listen(Number(port)),
  // Nobody listens while it is ill.
  tcp: () => {
    const server = createTcpServer((socket) => socket.on("error", () => undefined).end());
    server.listen(Number(port));
    process.on("SIGUSR2", () => server.close());
  },
  grpc: () => {
    const server = new Server();
    const same = (bytes) => bytes;
    const codec = { requestSerialize: same, requestDeserialize: same };
    const check = {
      path: "/grpc.health.v1.Health/Check",
      ...{ requestStream: false, responseStream: false, ...codec },
      ...{ responseSerialize: same, responseDeserialize: same },
    };
    // SERVING or NOT_SERVING.
    const answer = (_call, respond) => respond(null, Buffer.from([0x08, isIll ? 2 : 1]));
    server.addService({ check }, { check: answer });
    server.bindAsync(`[::]:${port}`, ServerCredentials.createInsecure(), () => undefined);
  },
  exec: () => setInterval(() => undefined, 1e6),
};
SERVERS[kind]();
process.on("SIGTERM", () => process.exit(0));
