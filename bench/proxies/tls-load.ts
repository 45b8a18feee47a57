import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import { Failure } from "../../src/output/index.js";
import type { Credentials } from "./credentials.js";
import { AUTHORITY } from "./http.js";

/** How many connections are being made at a time. */
const AT_ONCE = 8;
/** The last bytes of the backend's answer. */
const ANSWER_END = "body\n";
const BODY = "hello world, this is a small body\n";
const REQUEST = `GET / HTTP/1.1\r\nHost: ${AUTHORITY}\r\n\r\n`;
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;
const HEAD_END = "\r\n\r\n";

/** A port of 127.0.0.1 that takes mTLS, and what to show there. */
export interface TlsPlace {
  readonly port: number;
  readonly credentials: Credentials;
  /** The ALPN protocol to offer, where one must be. */
  readonly protocol?: string;
}

/** Whether a connection begins with certificates, or with a ticket of an earlier one. */
export type Beginning = "full" | "resumed";

/**
 * Makes mTLS connections for a time, a few at once, with one request on each, and tells how many. Fails when one is not answered, or does
 * not begin as it should.
 */
export async function makeConnections(
  place: TlsPlace,
  beginning: Beginning,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const context = contextOf(place);
  const end = performance.now() + seconds * 1000;
  let made = 0;
  const keepMaking = async () => {
    let session = beginning === "resumed" ? (await makeConnection(place, context)).session : undefined;
    while (performance.now() < end) {
      signal.throwIfAborted();
      const connection = await makeConnection(place, context, session);
      if (connection.isResumed !== (beginning === "resumed")) {
        throw new Failure(`a connection that was to be ${beginning} was not`);
      }
      if (beginning === "resumed") session = connection.session ?? session;
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, keepMaking));
  return made;
}

/** Opens connections one after the other, with one request on each. The function that it gives closes them. */
export async function holdTlsConnections(place: TlsPlace, count: number): Promise<() => void> {
  const context = contextOf(place);
  const sockets: TLSSocket[] = [];
  const close = () => sockets.forEach((socket) => socket.destroy());
  try {
    for (let opened = 0; opened < count; opened += 1) {
      const socket = open(place, context);
      sockets.push(socket);
      await answered(socket);
    }
  } catch (error) {
    close();
    throw error;
  }
  return close;
}

/** How a connection went. */
interface Made {
  readonly isResumed: boolean;
  /** For the next one. */
  readonly session: Buffer | undefined;
}

async function makeConnection(place: TlsPlace, context: SecureContext, session?: Buffer): Promise<Made> {
  const socket = open(place, context, session);
  let ticket: Buffer | undefined;
  socket.on("session", (given: Buffer) => (ticket = given));
  await answered(socket);
  const isResumed = socket.isSessionReused();
  socket.end();
  await once(socket, "close");
  return { isResumed, session: ticket };
}

function open({ port, protocol }: TlsPlace, secureContext: SecureContext, session?: Buffer): TLSSocket {
  const socket = connect({
    ...{ host: "127.0.0.1", port, secureContext, servername: AUTHORITY },
    // The name is a URI, which Node.js does not look for.
    checkServerIdentity: () => undefined,
    ...(protocol !== undefined && { ALPNProtocols: [protocol] }),
    ...(session !== undefined && { session }),
  });
  socket.setNoDelay(true);
  return socket;
}

/** Resolves when the answer to one request has come. */
function answered(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (!text.endsWith(ANSWER_END)) return;
      if (text.startsWith("HTTP/1.1 200")) resolve();
      else reject(new Failure(`the answer was ${text}`));
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Failure(`a connection ended without an answer: ${text}`)));
    socket.write(REQUEST);
  });
}

function contextOf({ credentials: { certificate: cert, key, roots: ca } }: TlsPlace): SecureContext {
  return createSecureContext({ cert, key, ca, minVersion: "TLSv1.3" });
}

/** Takes mTLS connections, answers one request on each, and ends it. */
export class TlsAcceptor {
  /** How the connections were that have been taken. */
  readonly taken: Record<Beginning, number> = { full: 0, resumed: 0 };
  /** How connections are to begin from now on: for full ones every ticket is refused. */
  beginning: Beginning = "resumed";
  readonly #server;

  private constructor({ certificate: cert, key, roots: ca }: Credentials, protocols: readonly string[]) {
    const settings = { cert, key, ca, requestCert: true, minVersion: "TLSv1.3" as const };
    this.#server = createServer({ ...settings, ALPNProtocols: [...protocols] }, (socket) => {
      this.taken[socket.isSessionReused() ? "resumed" : "full"] += 1;
      answer(socket);
    });
    this.#server.on("connection", () => {
      if (this.beginning === "full") this.#server.setTicketKeys(randomBytes(48));
    });
  }

  /** Starts one at a free port. @param protocols of ALPN, for those who offer any */
  static async start(credentials: Credentials, protocols: readonly string[]): Promise<TlsAcceptor> {
    const acceptor = new TlsAcceptor(credentials, protocols);
    acceptor.#server.listen(0, "127.0.0.1");
    await once(acceptor.#server, "listening");
    return acceptor;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}

function answer(socket: TLSSocket): void {
  let head = "";
  socket.on("data", (bytes: Buffer) => {
    head += bytes.toString("latin1");
    if (head.endsWith(HEAD_END)) socket.end(ANSWER);
  });
  socket.on("error", () => socket.destroy());
}
