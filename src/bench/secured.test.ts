import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { demandSecured } from "./secured.js";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** The address of a sidecar whose metrics are these; it takes no connections the first few times. */
async function sidecar(metrics: string, refused = 0): Promise<string> {
  let connections = 0;
  const server = createServer((_request, response) => response.end(metrics));
  server.on("connection", (socket) => {
    connections += 1;
    if (connections <= refused) socket.destroy();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const handshakes = (full: number) =>
  `mesh_tls_handshakes_total{direction="inbound",result="full"} ${full}\n` +
  `mesh_tls_handshakes_total{direction="inbound",result="refused"} 1\n`;

test("a sidecar that another one has shaken hands with is secured", async () => {
  await expect(demandSecured(await sidecar(handshakes(1)))).resolves.toBeUndefined();
});

test("a sidecar that can be reached only after a while is waited for", async () => {
  await expect(demandSecured(await sidecar(handshakes(1), 3))).resolves.toBeUndefined();
});

test("a sidecar that nobody has shaken hands with is not", async () => {
  await expect(demandSecured(await sidecar(handshakes(0)))).rejects.toThrow("do not speak TLS");
});
