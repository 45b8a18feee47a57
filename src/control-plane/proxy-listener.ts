import { logVerbosity, Server, ServerCredentials, setLogVerbosity, type ServerOptions } from "@grpc/grpc-js";
import { once } from "node:events";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { TrustRoot } from "../identity/index.js";
import type { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GrpcService } from "./grpc-service.js";
import { listenAddress, type Listener, whyNot } from "./listen.js";
import { SecureChannel } from "./secure-channel.js";

/** The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;
/** A connection that has sent nothing by then is closed. */
const FIRST_BYTE_MS = 10_000;

export interface ProxyListenOptions {
  /** HOST:PORT, IPv6 in brackets; port 0 takes a free one. */
  readonly address: string;
  /** The flag that sets the address, for messages. */
  readonly flag: string;
  /** What signs the certificate that is shown. */
  readonly root: Pick<TrustRoot, "issuer">;
  /** For who speaks TLS. */
  readonly secured: readonly GrpcService[];
  /** For who does not. */
  readonly plain: readonly GrpcService[];
  readonly grpc: ServerOptions;
  /** Told of what stands in the way of a certificate. */
  readonly failed: (message: string) => void;
}

/** Starts a gRPC server that speaks TLS and plain text on one port, told apart by the first byte. */
export async function listenForProxies(options: ProxyListenOptions): Promise<Result<Listener, Failure>> {
  const place = listenAddress(options.address, options.flag);
  if (!place.ok) return place;
  const { host, port, bracketed } = place.value;
  // The library would print what it thinks of connections that break.
  setLogVerbosity(logVerbosity.NONE);
  const secured = serve(options.secured, options.grpc);
  const plain = serve(options.plain, options.grpc);
  const channel = new SecureChannel(options.root, (socket) => secured.take(socket));
  const server = createServer({ noDelay: true }, (socket) =>
    tellApart(socket, { tls: () => channel.take(socket), plain: () => plain.take(socket) }),
  );
  const close = () => {
    server.close();
    secured.close();
    plain.close();
    void channel.stop();
  };
  try {
    await channel.start(options.failed);
    await listening(server, host, port);
    const address = server.address();
    const taken = typeof address === "object" && address ? address.port : port;
    return ok({ address: `${bracketed}:${taken}`, close });
  } catch (error) {
    close();
    return fail(whyNot(error, place.value, options.flag));
  }
}

/** A gRPC server that is given its connections. */
function serve(services: readonly GrpcService[], grpc: ServerOptions) {
  const server = new Server(grpc);
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    take: (socket: Socket) => injector.injectConnection(socket),
    close: () => server.forceShutdown(),
  };
}

/** Waits for the first byte, which stays to be read, and decides by it. */
function tellApart(socket: Socket, ways: Readonly<Record<"tls" | "plain", () => void>>): void {
  const giveUp = () => socket.destroy();
  socket.setTimeout(FIRST_BYTE_MS, giveUp).on("error", giveUp);
  socket.once("data", (first: Buffer) => {
    socket.pause();
    socket.setTimeout(0).off("timeout", giveUp);
    socket.unshift(first);
    const way = first[0] === TLS_HANDSHAKE ? ways.tls : ways.plain;
    way();
    // Whoever took it reads on from here.
    process.nextTick(() => socket.resume());
  });
}

async function listening(server: NetServer, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
}
