import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { Content } from "./content.js";
import type { Outcome } from "./outcome.js";
import { runPipeline } from "./pipeline.js";
import { downKey, type Exchange } from "./task.js";
import { Watch } from "./watch.js";

const BYTES = 500;

function exchangeOf(id: number): Exchange {
  const response = { bytes: BYTES, writer: null, reader: null, framing: "length" } as const;
  const plain = { duplex: false, expects: "nothing", abort: null, closesSilently: false } as const;
  return { id, method: "GET", request: null, response, ...plain };
}

/** What becomes of two requests when a server gives these bytes and then ends the connection in order. */
async function outcomesOf(answer: string | Buffer): Promise<Outcome[]> {
  const server = createServer((socket) =>
    socket.once("data", () => socket.end(answer)).on("error", () => undefined),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const outcomes: Outcome[] = [];
  await runPipeline(
    { kind: "pipeline", exchanges: [exchangeOf(1), exchangeOf(2)], segments: [] },
    { host: "127.0.0.1", port, authority: "web" },
    new Content(1),
    new Watch(),
    (_, ended) => outcomes.push(ended.outcome),
  );
  return outcomes;
}

const headWith = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

describe("a pipeline", () => {
  it("is cut when the connection ends before the length that a head told", async () => {
    expect(await outcomesOf(headWith(BYTES))).toMatchObject([
      { kind: "failed", failing: "cut" },
      { kind: "skipped" },
    ]);
  });

  it("does not take a body that is short by its own head for whole", async () => {
    expect(await outcomesOf(headWith(0))).toMatchObject([{ kind: "wrong" }, { kind: "skipped" }]);
  });

  it("has the second request unanswered when the connection ends after the first answer", async () => {
    const body = new Content(1).piece(downKey(1), 0, BYTES);
    expect(await outcomesOf(Buffer.concat([Buffer.from(headWith(BYTES)), body]))).toMatchObject([
      { kind: "complete" },
      { kind: "failed", failing: "no answer" },
    ]);
  });
});
