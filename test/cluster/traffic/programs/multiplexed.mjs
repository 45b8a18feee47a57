// HTTP/2 in clear text at 8082, and gRPC at 50051: health, and a service that says again what it hears.
import { createServer } from "node:http2";
import { createRequire } from "node:module";

const { Server, ServerCredentials, status } = createRequire("/mesh/")("@grpc/grpc-js");

const http2 = createServer();
http2.on("stream", (stream, { ":path": path }) => {
  stream.on("error", () => undefined);
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": path }));
  stream.pipe(stream);
});
http2.listen(8082);

/** A method whose messages are bytes. */
const method = (path, requestStream = false, responseStream = false) => {
  const same = (bytes) => bytes;
  return {
    ...{ path, requestStream, responseStream },
    ...{
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
};

/** grpc.health.v1.HealthCheckResponse, SERVING. */
const SERVING = Buffer.from([0x08, 0x01]);

const grpc = new Server();
grpc.addService(
  {
    check: method("/grpc.health.v1.Health/Check"),
    say: method("/test.Echo/Say"),
    refuse: method("/test.Echo/Refuse"),
    talk: method("/test.Echo/Talk", true, true),
  },
  {
    check: (_call, answer) => answer(null, SERVING),
    say: ({ request }, answer) => answer(null, request),
    refuse: (_call, answer) => answer({ code: status.FAILED_PRECONDITION, details: "not today" }),
    talk: (call) => {
      call.on("data", (message) => call.write(message));
      call.on("end", () => call.end());
    },
  },
);
grpc.bindAsync("[::]:50051", ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on("SIGTERM", () => process.exit(0));
