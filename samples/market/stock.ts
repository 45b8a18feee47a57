// How many there are of each good: a TCP protocol of its own, in which the server speaks first, as databases do.
//   S: stock ready
//   C: COUNT apples     S: 12
//   C: TAKE apples      S: 11, or none
//   C: ADD apples       S: 111
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { listen } from "../serve.js";
import { GOODS } from "./goods.js";

const DELIVERY = 100;
const stock = new Map<string, number>(GOODS.map((good) => [good, DELIVERY]));

function answer(line: string): string {
  const [verb, good = ""] = line.split(" ");
  const count = stock.get(good);
  if (count === undefined) return "no such good";
  const left = count + (verb === "ADD" ? DELIVERY : verb === "TAKE" ? -1 : 0);
  if (left < 0) return "none";
  stock.set(good, left);
  return String(left);
}

function converse(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.write("stock ready\n");
  createInterface({ input: socket })
    // The socket's errors are its errors as well.
    .on("error", () => undefined)
    .on("line", (line) => socket.write(`${answer(line)}\n`));
}

listen(createServer(converse));
