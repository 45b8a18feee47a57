// The application behind an endpoint's proxy, a process of its own that may be killed: `app.js web|stream PORT SEED NAME [wrong-byte]`.
// It prints a line for what the soak is to know.
import type { Server } from "node:net";
import { Content } from "./content.js";
import { createHttpApp } from "./http-app.js";
import { createStreamApp } from "./stream-app.js";

/** What the application tells the soak, as a line of JSON. */
export type AppLine =
  | { readonly says: "listening" }
  /** A request came that is never to come twice. */
  | { readonly says: "once"; readonly id: number }
  | { readonly says: "violation"; readonly what: string };

const [protocol, port, seed, name = "", wrongByte] = process.argv.slice(2);
const tell = (line: AppLine) => void process.stdout.write(`${JSON.stringify(line)}\n`);
const content = new Content(Number(seed), { hasWrongByte: wrongByte === "wrong-byte" });
const server: Server =
  protocol === "web" ? createHttpApp(name, content, tell) : createStreamApp(content, tell);
server.listen(Number(port), "127.0.0.1", () => tell({ says: "listening" }));
process.stdin.on("end", () => process.exit()).resume();
