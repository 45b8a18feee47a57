// The service of a bench in a cluster, as the program of a pod: node backend-pod.js PORT PROTOCOL
import { backend } from "../backend.js";
import type { Protocol } from "../protocol.js";

const [port, protocol] = process.argv.slice(2);
backend(protocol as Protocol).listen(Number(port));
process.on("SIGTERM", () => process.exit(0));
