import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { DiscoverResponse__Output } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import { loadDiscovery } from "../../src/proto/index.js";
import { RunningMesh, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
beforeAll(async () => {
  mesh = await RunningMesh.start();
});
afterAll(() => mesh.stop());

/** Follows a service as a proxy does; the result gives its endpoints as they are now, undefined when there is no such service. */
function follow(authority: string): () => string[] | undefined {
  const client = new (loadDiscovery().mesh.proxy.v1.Discovery)(
    mesh.discoveryAddress,
    credentials.createInsecure(),
  );
  let endpoints: Set<string> | undefined;
  const stream = client.discover();
  stream.on("error", () => undefined);
  stream.on("data", ({ snapshot, change }: DiscoverResponse__Output) => {
    const text = (address: { ip: string; port: number } | null | undefined) =>
      `${address?.ip}:${address?.port}`;
    if (snapshot) {
      endpoints = snapshot.service
        ? new Set(snapshot.endpoints.map(({ address }) => text(address)))
        : undefined;
    }
    for (const { address } of change?.added ?? []) endpoints?.add(text(address));
    for (const address of change?.removed ?? []) endpoints?.delete(text(address));
  });
  stream.write({ proxy: { name: `watcher-of-${authority}`, namespace: "default" } });
  stream.write({ subscribe: { target: { authority } } });
  onTestFinished(() => {
    stream.cancel();
    client.close();
  });
  return () => endpoints && [...endpoints].sort();
}

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, SOON);

/** What Health says of one file, as `LINE: MESSAGE`. */
async function problemsOf(path: string): Promise<string[]> {
  const { problems } = await mesh.health();
  return problems.filter(({ source }) => source === path).map(({ line, message }) => `${line}: ${message}`);
}

describe("a mistake in a service's file", () => {
  it.each([
    { title: "garbage", text: "127.0.0.1 9001\n\u0000\u0001{]%\n", line: 2, found: "found" },
    { title: "a port of 70000", text: "# web\n127.0.0.1 9001\n127.0.0.2 70000\n", line: 3, found: '"70000"' },
    { title: "a port that is no number", text: "127.0.0.1 http\n", line: 1, found: '"http"' },
    {
      title: "a file cut in the middle of a line",
      text: "127.0.0.1 9001\n127.0.",
      line: 2,
      found: '"127.0."',
    },
    {
      title: "an address with too many numbers",
      text: "127.0.0.1.5 9001\n",
      line: 1,
      found: '"127.0.0.1.5"',
    },
  ])("$title: is told with file and line, and the service stays as it was", async ({ text, line, found }) => {
    mesh.setService("web", ["127.0.0.1:9000"]);
    mesh.setService("other", ["127.0.0.1:9100"]);
    const web = follow("web");
    const other = follow("other");
    await soon(() => expect([web(), other()]).toEqual([["127.0.0.1:9000"], ["127.0.0.1:9100"]]));
    const logged = mesh.log.length;

    const path = mesh.write("disco/web", text);
    await soon(async () => {
      expect(await problemsOf(path)).toEqual([expect.stringMatching(`^${line}: `)]);
    });
    expect((await problemsOf(path))[0]).toContain(found);
    const inLog = mesh.log.slice(logged).filter((entry) => entry.includes(`${path}:${line}: `));
    expect(inLog).toEqual([expect.stringContaining("warn")]);

    mesh.setService("other", ["127.0.0.1:9101"]);
    await soon(() => expect(other()).toEqual(["127.0.0.1:9101"]));
    expect(web()).toEqual(["127.0.0.1:9000"]);

    mesh.setService("web", ["127.0.0.1:9002"]);
    await soon(() => expect(web()).toEqual(["127.0.0.1:9002"]));
    expect(await problemsOf(path)).toEqual([]);
  });

  it("a host that cannot be resolved is told, and the other endpoints are in force", async () => {
    const path = mesh.write("disco/half", "127.0.0.1 9000\nno-such-host.invalid 9001\n");
    const half = follow("half");
    await soon(async () => {
      expect(await problemsOf(path)).toEqual([expect.stringMatching(/^2: .*no-such-host\.invalid/)]);
    });
    await soon(() => expect(half()).toEqual(["127.0.0.1:9000"]));
    mesh.remove("disco/half");
    await soon(() => expect(half()).toBeUndefined());
    expect(await problemsOf(path)).toEqual([]);
  });
});

describe("a resource file", () => {
  const workload = `apiVersion: mesh.dev/v1alpha1
kind: Workload
metadata:
  name: shop-1
  labels: { app: shop }
spec:
  address: 127.0.0.1
  ports: [{ name: http, port: 9300 }]
`;
  const service = `apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: { app: shop }
  ports: [{ port: 80, targetPort: http }]
`;

  it("that is half written is told, and what it said before stays in force until it is whole", async () => {
    const whole = `${service}---\n${workload}`;
    const path = mesh.write("shop.yaml", whole);
    const shop = follow("shop");
    await soon(() => expect(shop()).toEqual(["127.0.0.1:9300"]));

    mesh.write("shop.yaml", whole.slice(0, whole.indexOf(", port: 9300")));
    await soon(async () => expect(await problemsOf(path)).not.toEqual([]));
    expect(shop()).toEqual(["127.0.0.1:9300"]);

    mesh.write("shop.yaml", whole.replace("9300", "9301"));
    await soon(() => expect(shop()).toEqual(["127.0.0.1:9301"]));
    expect(await problemsOf(path)).toEqual([]);
  });
});
