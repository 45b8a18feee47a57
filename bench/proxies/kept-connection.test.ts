import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { AnswerUnderWay } from "./answer-under-way.js";
import { EndlessApplication } from "./endless-application.js";
import { KeptConnection } from "./kept-connection.js";

const { signal } = new AbortController();

/** The port of a server that answers this way. */
async function serving(answer: (response: ServerResponse) => void): Promise<number> {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function keptOpen(port: number): KeptConnection {
  const connection = new KeptConnection(port);
  onTestFinished(() => connection.close());
  return connection;
}

test("a connection is asked until the status is there", async () => {
  const statuses = [200, 200, 403];
  const port = await serving((response) => response.writeHead(statuses.shift() ?? 500).end());
  const connection = keptOpen(port);
  const before = performance.now();
  expect(await connection.until(403, signal)).toBeGreaterThan(before);
  expect(statuses).toEqual([]);
});

test("a connection that is not kept fails", async () => {
  const port = await serving((response) => response.writeHead(200, { connection: "close" }).end());
  const connection = keptOpen(port);
  await connection.until(200, signal);
  await expect(connection.until(200, signal)).rejects.toThrow("the connection was not kept");
});

test("an answer is cut when its connection ends, and not when it comes to its own end", async () => {
  const application = await EndlessApplication.start();
  const answer = await AnswerUnderWay.begin(application.port);
  const before = performance.now();
  await application.stop();
  expect(await answer.cut).toBeGreaterThan(before);
  const whole = await AnswerUnderWay.begin(await serving((response) => response.end("whole")));
  await expect(whole.cut).rejects.toThrow("in order");
});
