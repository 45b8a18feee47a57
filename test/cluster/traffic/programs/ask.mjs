// Asks URL until it answers 200, then POSTs to LAST where that is given, and ends with STATUS.
import { setTimeout as pause } from "node:timers/promises";

const [url, status, last] = process.argv.slice(2);

const isAnswered = () =>
  fetch(url).then(
    (answer) => answer.status === 200,
    () => false,
  );
while (!(await isAnswered())) await pause(200);
if (last !== undefined) await fetch(last, { method: "POST" });
process.exit(Number(status));
