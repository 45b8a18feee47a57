import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

/** Messages are bytes, and mean nothing to gRPC. */
export const bytes = (value: Buffer) => value;

const method = (name: string, requestStream: boolean, responseStream: boolean) =>
  ({
    path: `/test.Echo/${name}`,
    ...{ requestStream, responseStream },
    ...{ requestSerialize: bytes, requestDeserialize: bytes },
    ...{ responseSerialize: bytes, responseDeserialize: bytes },
  }) satisfies MethodDefinition<Buffer, Buffer>;

/** What the service has: an echo of every kind of call, and one that is never answered. */
export const ECHO = {
  one: method("one", false, false),
  out: method("out", false, true),
  in: method("in", true, false),
  both: method("both", true, true),
  never: method("never", false, false),
};

/** What `one` answers to these messages instead of an echo. */
const FAILURES: Readonly<Record<string, { code: status; details: string }>> = {
  "not found": { code: status.NOT_FOUND, details: "none of that" },
  broken: { code: status.INTERNAL, details: "went wrong" },
};

/** A running gRPC server with the service ECHO. */
export interface EchoServer {
  port: number;
  /** Calls of `one` so far. */
  served: () => number;
  stop: () => void;
}

/** Starts a server on a free port. */
export async function startEchoServer(): Promise<EchoServer> {
  const server = new Server();
  let served = 0;
  server.addService(ECHO, {
    one: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
      served++;
      const failure = FAILURES[call.request.toString()];
      if (failure) respond(failure);
      else respond(null, call.request);
    },
    out: (call: ServerWritableStream<Buffer, Buffer>) => {
      for (const letter of call.request.toString()) call.write(Buffer.from(letter));
      call.end();
    },
    in: (call: ServerReadableStream<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
      const parts: Buffer[] = [];
      call.on("data", (part: Buffer) => parts.push(part));
      call.on("end", () => {
        respond(null, Buffer.concat(parts));
      });
    },
    both: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (part: Buffer) => call.write(part));
      call.on("end", () => {
        call.end();
      });
    },
    never: () => undefined,
  });
  const port = await new Promise<number>((bound, failed) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error) failed(error);
      else bound(port);
    });
  });
  return {
    port,
    served: () => served,
    stop: () => {
      server.forceShutdown();
    },
  };
}
