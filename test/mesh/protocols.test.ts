import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startHttpBackend, startTcpBackend } from "./backends.js";
import { RawConnection, send } from "./clients.js";
import { inboundOf, outboundOf, RunningMesh, type RunningProxy } from "./running-mesh.js";

const run = promisify(execFile);

let mesh: RunningMesh;
let client: RunningProxy;
let outbound: string;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
  outbound = outboundOf(client);
});
afterAll(() => mesh.stop());

/** Puts a proxy before a backend, and makes both a service. */
async function meshed({ address }: { address: string }): Promise<string> {
  return mesh.addServiceAt(inboundOf(await mesh.startInbound("app-1", address)));
}

const echo = (socket: Socket) => void socket.pipe(socket);

describe("curl", () => {
  const curl = async (...words: string[]) =>
    (await run("curl", ["-sS", "--max-time", "10", ...words])).stdout;
  const answering = () =>
    startHttpBackend((request, response) => {
      response.end(`${request.method} ${request.url} ${request.headers.host}\n`);
    });

  it("reaches a service by its Host, as an HTTP proxy's client, and through a CONNECT tunnel", async () => {
    const service = await meshed(await answering());
    expect(await curl("-H", `Host: ${service}`, `http://${outbound}/a?b=c`)).toBe(`GET /a?b=c ${service}\n`);
    const proxied = ["--proxy", `http://${outbound}`, `http://${service}/a?b=c`];
    expect(await curl(...proxied)).toBe(`GET /a?b=c ${service}\n`);
    expect(await curl("--proxytunnel", ...proxied)).toBe(`GET /a?b=c ${service}\n`);
  });

  it("with HTTP/1.0 gets a response that ends with the connection, without chunks", async () => {
    const backend = await startHttpBackend((_, response) => {
      response.write("one ");
      response.end("two");
    });
    const shown = await curl(
      "-i",
      "--http1.0",
      "-H",
      `Host: ${await meshed(backend)}`,
      `http://${outbound}/`,
    );
    expect(shown).toMatch(/^HTTP\/1\.1 200 OK\r\n(.|\r\n)*\r\n\r\none two$/);
    expect(shown.toLowerCase()).not.toContain("chunked");
  });

  it("that asks with HEAD gets the head alone, and can go on", async () => {
    const backend = await startHttpBackend((_, response) => {
      response.setHeader("content-length", 1234).end();
    });
    const url = `http://${outbound}/`;
    const host = ["-H", `Host: ${await meshed(backend)}`];
    const shown = await curl(
      "-I",
      ...host,
      url,
      "--next",
      "-sS",
      "-I",
      "-w",
      "%{num_connects}",
      ...host,
      url,
    );
    expect(shown.match(/content-length: 1234\r\n/gi)).toHaveLength(2);
    expect(shown).toMatch(/\r\n\r\n0$/);
  });

  describe("that expects 100-continue", () => {
    const body = "x".repeat(2_000_000);
    let directory: string;
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), "mesh-curl-"));
      writeFileSync(join(directory, "body"), body);
    });
    afterAll(() => rmSync(directory, { recursive: true }));

    /** Posts the body, and shows what curl told of the exchange. */
    async function post(service: string): Promise<string> {
      const words = ["-sSv", "--max-time", "10", "--expect100-timeout", "8", "-H", "Expect: 100-continue"];
      const file = `@${join(directory, "body")}`;
      const { stdout, stderr } = await run("curl", [
        ...words,
        ...["-H", `Host: ${service}`, "--data-binary", file, `http://${outbound}/`],
      ]);
      return stderr + stdout;
    }

    it("sends its body when the server says so", async () => {
      const backend = await startHttpBackend((_, response) => response.end("not asked to continue"));
      backend.server.on(
        "checkContinue",
        (request: IncomingMessage, response: import("node:http").ServerResponse) => {
          response.writeContinue();
          let length = 0;
          request.on("data", (bytes: Buffer) => (length += bytes.length));
          request.on("end", () => response.end(`received ${length}`));
        },
      );
      const shown = await post(await meshed(backend));
      expect(shown).toContain("< HTTP/1.1 100 Continue");
      expect(shown).toContain(`received ${body.length}`);
    });

    it("does not send it when the server refuses", async () => {
      let received = 0;
      const backend = await startHttpBackend((_, response) => response.end("not asked to continue"));
      backend.server.on(
        "checkContinue",
        (request: IncomingMessage, response: import("node:http").ServerResponse) => {
          request.on("data", (bytes: Buffer) => (received += bytes.length));
          response.writeHead(403).end("no");
        },
      );
      const shown = await post(await meshed(backend));
      expect(shown).toContain("< HTTP/1.1 403 ");
      expect(shown).not.toContain("100 Continue");
      expect(received).toBe(0);
    });
  });
});

describe("Node's client", () => {
  it("gets interim responses before the final one", async () => {
    const backend = await startHttpBackend((_, response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.end("done");
    });
    const { hostname: host, port } = new URL(`http://${outbound}`);
    const request = httpRequest({ host, port, headers: { host: await meshed(backend) } });
    const hints: unknown[] = [];
    request.on("information", ({ statusCode, headers }) => hints.push([statusCode, headers["link"]]));
    const status = await new Promise((resolve) => {
      request.on("response", (response) => resolve(response.resume().statusCode)).end();
    });
    expect(hints).toEqual([[103, "</style.css>; rel=preload"]]);
    expect(status).toBe(200);
  });

  it("sends trailers, and gets those of the response", async () => {
    const backend = await startHttpBackend((request, response) => {
      request.resume().on("end", () => {
        response.writeHead(200, { trailer: "checksum" });
        response.write("body");
        response.addTrailers({ checksum: `got ${request.trailers["x-sum"]}` });
        response.end();
      });
    });
    const { hostname: host, port } = new URL(`http://${outbound}`);
    const headers = { host: await meshed(backend), trailer: "x-sum", te: "trailers" };
    const request = httpRequest({ host, port, method: "POST", headers });
    request.write("upload");
    request.addTrailers({ "x-sum": "42" });
    const trailers = await new Promise((resolve) => {
      request.on("response", (response) => {
        response.resume().on("end", () => resolve(response.trailers));
      });
      request.end();
    });
    expect(trailers).toEqual({ checksum: "got 42" });
  });

  it.each([204, 304])("keeps its connection after a response with status %i", async (status) => {
    const ports = new Set<number | undefined>();
    const backend = await startHttpBackend((request, response) => {
      response
        .writeHead(request.url === "/empty" ? status : 200)
        .end(request.url === "/empty" ? undefined : "ok");
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    agent.on("free", (socket: Socket) => ports.add(socket.localPort));
    const service = await meshed(backend);
    expect((await send(outbound, service, { agent, path: "/empty" })).status).toBe(status);
    expect((await send(outbound, service, { agent })).body).toBe("ok");
    expect(ports.size).toBe(1);
  });
});

describe("a change of protocol", () => {
  it("to a WebSocket's makes a tunnel both ways, with what follows the heads at once", async () => {
    const server = await startHttpBackend((_, response) => response.end("no upgrade"));
    server.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const accept = `Sec-WebSocket-Accept: ${request.headers["sec-websocket-key"]}`;
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n\r\n`,
      );
      socket.write(`\x81\x05hello${head.toString("latin1")}`, "latin1");
      echo(socket);
    });
    const service = await meshed(server);
    const connection = await RawConnection.open(outbound);
    connection.send(
      `GET /chat HTTP/1.1\r\nHost: ${service}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x05early",
    );
    const head = await connection.until("\x81\x05hello\x81\x05early");
    expect(head).toMatch(/^HTTP\/1\.1 101 (.|\r\n)*\r\nupgrade: websocket\r\n/i);
    expect(head).toMatch(/\r\nsec-websocket-accept: a2V5\r\n/i);
    const frame = "\x82\x7e\xff\xff" + "\0\xff\r\n".repeat(16_384);
    connection.send(frame);
    expect((await connection.until(frame)).endsWith(frame)).toBe(true);
    connection.socket.end();
    await connection.untilEnd();
    expect(connection.ending).toBe("finished");
  });
});

describe("requests that a client sends without waiting", () => {
  it("are answered in their order", async () => {
    const backend = await startHttpBackend((request, response) => {
      const delay = request.url === "/1" ? 200 : 0;
      request.resume().on("end", () => setTimeout(() => response.end(`<${request.url}>`), delay));
    });
    const service = await meshed(backend);
    const connection = await RawConnection.open(outbound);
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${service}\r\n\r\n`;
    const post = `POST /2 HTTP/1.1\r\nHost: ${service}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    connection.send(
      get("/1") + post + get("/3") + get("/4").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    );
    const answers = await connection.untilEnd();
    expect(answers.match(/<\/\d>/g)).toEqual(["</1>", "</2>", "</3>", "</4>"]);
    expect(connection.ending).toBe("finished");
  });
});

describe("TCP that is not HTTP", () => {
  it("passes an inbound listener as it is, both ways, to the end of each side", async () => {
    const backend = await startTcpBackend(echo);
    const inbound = await mesh.startInbound("echo-1", backend.address);
    const connection = await RawConnection.open(inboundOf(inbound));
    const bytes = "\x00\x01\x02\xff\r\n\r\n not HTTP \xfe".repeat(10_000);
    connection.send(bytes);
    connection.socket.end();
    expect((await connection.untilEnd()) === bytes).toBe(true);
    expect(connection.ending).toBe("finished");
  });

  it("passes an inbound listener when the server speaks first", async () => {
    const backend = await startTcpBackend((socket) => {
      socket.write("220 mail.example ESMTP\r\n");
      socket.on("data", (bytes) => socket.end(`250 ${bytes.toString()}`));
    });
    const inbound = await mesh.startInbound("mail-1", backend.address);
    const connection = await RawConnection.open(inboundOf(inbound));
    await connection.until("220 mail.example ESMTP\r\n");
    connection.send("EHLO client\r\n");
    expect(await connection.untilEnd()).toBe("220 mail.example ESMTP\r\n250 EHLO client\r\n");
  });

  it("passes a CONNECT tunnel, to a server that speaks first behind its own proxy", async () => {
    const backend = await startTcpBackend((socket) => {
      socket.write("hello ");
      echo(socket);
    });
    const service = await meshed(backend);
    const connection = await RawConnection.open(outbound);
    connection.send(`CONNECT ${service}:25 HTTP/1.1\r\nHost: ${service}:25\r\n\r\n`);
    expect(await connection.until("hello ")).toMatch(/^HTTP\/1\.1 200 (.|\r\n)*\r\n\r\nhello $/);
    connection.send("\x00\x01 world");
    connection.socket.end();
    expect(await connection.untilEnd()).toMatch(/hello \x00\x01 world$/);
  });
});
