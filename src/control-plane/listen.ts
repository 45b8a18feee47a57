import { logVerbosity, Server, ServerCredentials, setLogVerbosity, type ServerOptions } from "@grpc/grpc-js";
import { isIP } from "node:net";
import type { GrpcService } from "./grpc-service.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** A server that accepts calls. */
export interface Listener {
  /** host:port with the port that was really taken. */
  address: string;
  /** Ends every call at once. */
  close(): void;
}

export interface ListenOptions {
  /** HOST:PORT, IPv6 in brackets; port 0 takes a free one. */
  address: string;
  /** The flag that sets the address, for messages. */
  flag: string;
  services: GrpcService[];
  grpc?: ServerOptions;
}

/** Starts a gRPC server; the failure is one line that names the address and the flag to change it. */
export async function listen(options: ListenOptions): Promise<Result<Listener, Failure>> {
  const read = listenAddress(options.address, options.flag);
  if (!read.ok) return read;
  const place = read.value;
  // The library would print each failure to listen a second time, in its own words.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(options.grpc);
  for (const { definition, implementation } of options.services)
    server.addService(definition, implementation);
  try {
    const port = await bind(server, options.address);
    return ok({ address: `${place.bracketed}:${port}`, close: () => server.forceShutdown() });
  } catch (error) {
    server.forceShutdown();
    return fail(whyNot(error, place, options.flag));
  }
}

/** HOST:PORT, taken apart. */
export interface ListenAddress {
  host: string;
  /** The host as it stands before a colon. */
  bracketed: string;
  port: number;
}

/** Reads HOST:PORT; undefined when it is not one. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(\[([0-9a-fA-F:.]+)\]|[^:[\]/\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match?.[1] || port > 65535) return undefined;
  return { host: match[2] ?? match[1], bracketed: match[1], port };
}

/** Reads the HOST:PORT that a flag gave. */
export function listenAddress(text: string, flag: string): Result<ListenAddress, Failure> {
  const place = parseListenAddress(text);
  if (place) return ok(place);
  const hint = `${flag} 127.0.0.1:PORT`;
  return fail(new Failure(`${flag} ${text}: expected HOST:PORT`, { hint, exitStatus: 2 }));
}

/** True for `localhost` and the loopback addresses. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith("127.");
  return host === "localhost" || host === "::1" || host.toLowerCase().startsWith("::ffff:127.");
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

/** Why nothing listens at an address that a flag gave. */
export function whyNot(error: unknown, { bracketed, port }: ListenAddress, flag: string): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const address = `${bracketed}:${port}`;
  const elsewhere = `another port with ${flag} ${bracketed}:PORT (0 takes a free one)`;
  if (text.includes("EADDRINUSE"))
    return new Failure(`port ${port} is in use (${address})`, { hint: elsewhere });
  if (text.includes("EACCES")) {
    return new Failure(`no permission to listen on port ${port} (${address})`, { hint: elsewhere });
  }
  if (text.includes("EADDRNOTAVAIL") || text.includes("resol")) {
    return new Failure(`${bracketed} is no address of this machine`, { hint: `${flag} 127.0.0.1:${port}` });
  }
  return new Failure(`cannot listen on ${address}: ${text}`, { hint: elsewhere });
}
