import { connect } from "node:net";
import { createInterface } from "node:readline";

const PATIENCE_MS = 5_000;

/** Says one line to the stock, once that has greeted; gives its answer. */
export async function askStock(question: string): Promise<string> {
  const socket = connect(7070, "stock");
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("the stock is silent")));
  try {
    // Errors of the socket end the lines, and are thrown by them.
    let hasGreeted = false;
    for await (const line of createInterface({ input: socket })) {
      if (hasGreeted) return line;
      hasGreeted = true;
      socket.write(`${question}\n`);
    }
    throw new Error("the stock hung up");
  } finally {
    socket.destroy();
  }
}
