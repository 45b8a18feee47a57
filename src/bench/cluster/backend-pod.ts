// The service of a bench in a cluster, as the program of a pod: node backend-pod.js PORT
import { backend } from "../backend.js";

backend().listen(Number(process.argv[2]));
process.on("SIGTERM", () => process.exit(0));
