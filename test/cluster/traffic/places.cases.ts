// Where connections go, and where they come from: itself, pods without a sidecar, the node, the outside, pods by their own names.
import { describe, expect, test } from "vitest";
import { inUrl } from "../administrator.js";
import { answersTo, inShop, nameOf, nodeAddress, podOf, runIn } from "./shop.js";

const hostOf = async (name: string) => inUrl(await podOf(name, "{.items[0].status.podIP}"));

describe("an application calls", () => {
  test("itself, by its service's name, by its address and by loopback", async () => {
    const places = ["http://client", `http://${await hostOf("client")}:8080`, "http://127.0.0.1:8080"];
    const own = `200 ${await nameOf("client")}`;
    expect(await answersTo("client", ...places)).toEqual([own, own, own]);
  });

  test("one without a sidecar, by its service's name and by its address", async () => {
    const places = ["http://stranger", `http://${await hostOf("stranger")}:8080`];
    const stranger = `200 ${await nameOf("stranger")}`;
    expect(await answersTo("client", ...places)).toEqual([stranger, stranger]);
  });

  test("each pod of a headless service by that pod's own name", async () => {
    const places = ["peers-0.peers", "peers-1.peers", "peers-0.peers.shop.svc.cluster.local", "peers"];
    const answers = await answersTo("client", ...places.map((name) => `http://${name}:8080`));
    expect(answers.slice(0, 3)).toEqual(["200 peers-0", "200 peers-1", "200 peers-0"]);
    expect(answers[3]).toMatch(/^200 peers-[01]$/);
  });

  test("a service by an alias that is an ExternalName", async () => {
    expect(await answersTo("client", "http://alias")).toEqual([expect.stringMatching(/^200 web-/)]);
  });
});

describe("the outside is reached", () => {
  test("by its address, by its DNS name, and by a service whose endpoints are written by hand", async () => {
    const { ip } = await nodeAddress();
    const authorities = [`${inUrl(ip)}:18080`, "outside.example:18080", "outside"];
    expect(await answersTo("client", ...authorities.map((authority) => `http://${authority}`))).toEqual(
      authorities.map((authority) => `200 outside, asked for ${authority}`),
    );
  });

  test("by TLS, which goes through as it is", async () => {
    const script = `
      const ca = fs.readFileSync("/programs/authority.crt");
      https.get("https://outside.example:18443", { ca }, (answer) => answer.pipe(process.stdout));`;
    expect(await runIn("client", script)).toBe("outside, asked for outside.example:18443");
  });

  test("and where nobody is, that is said", async () => {
    const { ip } = await nodeAddress();
    expect(await answersTo("client", `http://${inUrl(ip)}:18081`)).toEqual([expect.stringMatching(/^502 /)]);
    const script = `net.connect(18081, "${ip}").on("error", ({ code }) => console.log(code)).resume()`;
    expect(await runIn("client", script)).toBe("ECONNRESET\n");
  });
});

describe("an application in the mesh is reached", () => {
  test.each([
    ["a pod without a sidecar", "stranger"],
    ["the node's network", "outside"],
  ])("from %s, by its service's name and by its address", async (_, from) => {
    const places = ["http://client.shop", `http://${await hostOf("client")}:8080`];
    const client = `200 ${await nameOf("client")}`;
    expect(await answersTo(from, ...places)).toEqual([client, client]);
  });

  test("from a pod with a plain sidecar, and in it", async () => {
    expect(await answersTo("plain", "http://client")).toEqual([`200 ${await nameOf("client")}`]);
    expect(await answersTo("client", "http://plain")).toEqual([`200 ${await nameOf("plain")}`]);
  });
});

test("a pod on the node's network gets no sidecar, also when it asks for one", async () => {
  const containers = "{.items[0].spec.initContainers[*].name} {.items[0].spec.containers[*].name}";
  expect(await podOf("outside", containers)).toBe(" outside");
});

test("every family of addresses that the cluster has goes the same way, IPv6 too", async () => {
  const wordsOf = async (printed: Promise<string>) => (await printed).split(" ");
  const pods = await wordsOf(podOf("web", "{.items[0].status.podIPs[*].ip}"));
  const services = await wordsOf(inShop("get", "service", "web", "-o", "jsonpath={.spec.clusterIPs[*]}"));
  expect(services).toHaveLength(pods.length);
  const own = `200 ${await nameOf("web")}`;
  for (const from of ["client", "stranger"]) {
    const toPods = await answersTo(from, ...pods.map((ip) => `http://${inUrl(ip)}:8080`));
    expect(toPods).toEqual(pods.map(() => own));
    const toServices = await answersTo(from, ...services.map((ip) => `http://${inUrl(ip)}`));
    expect(toServices).toEqual(services.map(() => expect.stringMatching(/^200 web-/) as string));
  }
});
