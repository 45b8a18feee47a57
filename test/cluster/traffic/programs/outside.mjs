// Somebody whom the mesh does not know: HTTP/1 at the first port, the same behind TLS at the second.
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { readFileSync } from "node:fs";

const [port, securePort] = process.argv.slice(2);
const answer = ({ headers }, response) => response.end(`outside, asked for ${headers.host}`);
const key = readFileSync("/programs/outside.key");
const cert = readFileSync("/programs/outside.crt");

createServer(answer).listen(Number(port));
createSecureServer({ key, cert }, answer).listen(Number(securePort));
process.on("SIGTERM", () => process.exit(0));
