import { connect, type Socket } from "node:net";
import { ByteReader } from "./byte-reader.js";
import type { Watch } from "./watch.js";

/** A TCP connection whose client speaks its protocol itself. */
export interface Connection {
  readonly socket: Socket;
  readonly reader: ByteReader;
}

/** Connects; the connection is destroyed when the task is given up. Rejects when nobody takes it. */
export async function open(host: string, port: number, watch: Watch): Promise<Connection> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, signal: watch.signal });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  socket.on("error", () => undefined);
  return { socket, reader: new ByteReader(socket) };
}

/** A response's head, as far as a soak's own clients need it. */
export interface Head {
  readonly status: number;
  /** The value of a field, in lower case; undefined when there is none. */
  field(name: string): string | undefined;
}

/** Reads the next response's head. */
export async function readHead(reader: ByteReader): Promise<Head> {
  const text = await reader.until("\r\n\r\n");
  const fields = new Map(
    text
      .split("\r\n")
      .slice(1)
      .map((line) => [line.replace(/:.*/, "").toLowerCase(), line.replace(/^[^:]*:\s*/, "")] as const),
  );
  return { status: Number(text.split(" ", 2)[1]), field: (name) => fields.get(name) };
}
