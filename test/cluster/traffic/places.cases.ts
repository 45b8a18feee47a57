// Where connections go, and where they come from: itself, pods without a sidecar, the node, the outside, pods by their own names.
import { describe, expect, test } from "vitest";
import { askFrom, inShop, nameOf, nodeAddress, podOf, runIn } from "./shop.js";

const ipOf = (name: string) => podOf(name, "{.items[0].status.podIP}");

describe("an application calls", () => {
  test("itself, by its service's name, by its address and by loopback", async () => {
    const own = `200 ${await nameOf("client")}`;
    for (const url of ["http://client", `http://${await ipOf("client")}:8080`, "http://127.0.0.1:8080"]) {
      expect(await askFrom("client", url)).toBe(own);
    }
  });

  test("one without a sidecar, by its service's name and by its address", async () => {
    const stranger = `200 ${await nameOf("stranger")}`;
    expect(await askFrom("client", "http://stranger")).toBe(stranger);
    expect(await askFrom("client", `http://${await ipOf("stranger")}:8080`)).toBe(stranger);
  });

  test("each pod of a headless service by that pod's own name", async () => {
    for (const peer of ["peers-0", "peers-1"]) {
      expect(await askFrom("client", `http://${peer}.peers:8080`)).toBe(`200 ${peer}`);
      expect(await askFrom("client", `http://${peer}.peers.shop.svc.cluster.local:8080`)).toBe(`200 ${peer}`);
    }
    expect(await askFrom("client", "http://peers:8080")).toMatch(/^200 peers-[01]$/);
  });

  test("a service by an alias that is an ExternalName", async () => {
    expect(await askFrom("client", "http://alias")).toMatch(/^200 web-/);
  });
});

describe("the outside is reached", () => {
  test("by its address, by its DNS name, and by a service whose endpoints are written by hand", async () => {
    const { ip } = await nodeAddress();
    for (const authority of [`${ip}:18080`, "outside.example:18080", "outside"]) {
      expect(await askFrom("client", `http://${authority}`)).toBe(`200 outside, asked for ${authority}`);
    }
  });

  test("by TLS, which goes through as it is", async () => {
    const script = `
      const ca = fs.readFileSync("/programs/authority.crt");
      https.get("https://outside.example:18443", { ca }, (answer) => answer.pipe(process.stdout));`;
    expect(await runIn("client", script)).toBe("outside, asked for outside.example:18443");
  });

  test("and where nobody is, that is said", async () => {
    const { ip } = await nodeAddress();
    expect(await askFrom("client", `http://${ip}:18081`)).toMatch(/^502 /);
    const script = `net.connect(18081, "${ip}").on("error", ({ code }) => console.log(code)).resume()`;
    expect(await runIn("client", script)).toBe("ECONNRESET\n");
  });
});

describe("an application in the mesh is reached", () => {
  test.each([
    ["a pod without a sidecar", "stranger"],
    ["the node's network", "outside"],
  ])("from %s, by its service's name and by its address", async (_, from) => {
    const client = `200 ${await nameOf("client")}`;
    expect(await askFrom(from, "http://client.shop")).toBe(client);
    expect(await askFrom(from, `http://${await ipOf("client")}:8080`)).toBe(client);
  });

  test("from a pod with a plain sidecar, and in it", async () => {
    expect(await askFrom("plain", "http://client")).toBe(`200 ${await nameOf("client")}`);
    expect(await askFrom("client", "http://plain")).toBe(`200 ${await nameOf("plain")}`);
  });
});

test("a pod on the node's network gets no sidecar, also when it asks for one", async () => {
  const containers = "{.items[0].spec.initContainers[*].name} {.items[0].spec.containers[*].name}";
  expect(await podOf("outside", containers)).toBe(" outside");
});

test("every family of addresses that the cluster has goes the same way, IPv6 too", async () => {
  const pod = (await podOf("web", "{.items[0].status.podIPs[*].ip}")).split(" ");
  const service = (await inShop("get", "service", "web", "-o", "jsonpath={.spec.clusterIPs[*]}")).split(" ");
  expect(service).toHaveLength(pod.length);
  const inUrl = (ip: string) => (ip.includes(":") ? `[${ip}]` : ip);
  for (const from of ["client", "stranger"]) {
    for (const ip of pod)
      expect(await askFrom(from, `http://${inUrl(ip)}:8080`)).toBe(`200 ${await nameOf("web")}`);
    for (const ip of service) expect(await askFrom(from, `http://${inUrl(ip)}`)).toMatch(/^200 web-/);
  }
});
