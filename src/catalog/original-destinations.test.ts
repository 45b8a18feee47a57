import { describe, expect, it } from "vitest";
import { Catalog, type ConnectedProxy } from "./index.js";

const SERVICE_IP = "10.96.0.7";

function catalogWithWeb(): Catalog {
  const catalog = new Catalog();
  putWeb(catalog, [SERVICE_IP]);
  putInstance(catalog, "web-1", "10.1.0.2");
  putInstance(catalog, "web-2", "10.1.0.3");
  return catalog;
}

const putWeb = (catalog: Catalog, addresses?: string[]) =>
  catalog.putService({
    namespace: "shop",
    name: "web",
    ...(addresses && { addresses }),
    ports: [{ port: 80, target: "http" }],
    endpoints: { selector: { app: "web" } },
  });

const putInstance = (catalog: Catalog, name: string, ip: string, ports = { http: 9000 }) =>
  catalog.putInstance({
    namespace: "shop",
    name,
    workload: { kind: "deployment", name: "web" },
    labels: { app: "web" },
    addresses: [ip],
    ports,
  });

const transparentProxy = (name: string, ip: string): ConnectedProxy => ({
  name,
  namespace: "shop",
  workload: { kind: "deployment", name: "web" },
  version: "1",
  adminAddress: "",
  tapAddress: "",
  outboundAddress: "",
  inbound: [{ address: `${ip}:4143`, application: "" }],
});

/** A watch, with what it was told. */
function watch(catalog: Catalog, ip: string, port: number) {
  const told: string[] = [];
  const target = catalog.watchOriginal(
    { ip, port },
    { replaced: () => told.push("replaced"), changed: () => told.push("changed") },
  );
  const pods = () =>
    target
      .endpoints()
      .map(({ pod }) => pod)
      .sort();
  return { target, told, pods };
}

describe("an address that an application connects to", () => {
  it("is a service's: its endpoints, as they come and go", () => {
    const catalog = catalogWithWeb();
    const { target, told, pods } = watch(catalog, SERVICE_IP, 80);
    expect(target.service()).toEqual({ namespace: "shop", name: "web", port: 80 });
    expect(pods()).toEqual(["web-1", "web-2"]);
    catalog.removeInstance("shop", "web-1");
    expect(pods()).toEqual(["web-2"]);
    expect(told).toEqual(["changed"]);
  });

  it("is a service's on its ports alone", () => {
    expect(watch(catalogWithWeb(), SERVICE_IP, 81).target.service()).toBeUndefined();
  });

  it("is an endpoint's: that one alone, without a service", () => {
    const catalog = catalogWithWeb();
    const { target, told } = watch(catalog, "10.1.0.3", 9000);
    expect(target.service()).toEqual({ namespace: "shop", name: "", port: 0 });
    expect(target.endpoints()).toMatchObject([
      { address: { ip: "10.1.0.3", port: 9000 }, pod: "web-2", meshed: false },
    ]);
    catalog.removeInstance("shop", "web-2");
    expect(target.service()).toBeUndefined();
    expect(told).toEqual(["replaced"]);
  });

  it("is the endpoint's that names the port, where several share the IP address", () => {
    const catalog = catalogWithWeb();
    putInstance(catalog, "web-3", "10.1.0.3", { http: 9001 });
    expect(watch(catalog, "10.1.0.3", 9001).pods()).toEqual(["web-3"]);
    expect(watch(catalog, "10.1.0.3", 9000).pods()).toEqual(["web-2"]);
    expect(watch(catalog, "10.1.0.3", 5432).target.service()).toBeUndefined();
  });

  it("is that of a fixed endpoint", () => {
    const catalog = new Catalog();
    const address = { ip: "10.2.0.1", port: 8080 };
    catalog.putService({ namespace: "default", name: "old", ports: [], endpoints: { addresses: [address] } });
    expect(watch(catalog, "10.2.0.1", 8080).target.endpoints()).toMatchObject([{ address, pod: "" }]);
    expect(watch(catalog, "10.2.0.1", 8081).target.service()).toBeUndefined();
  });

  it("is nobody's until somebody has it", () => {
    const catalog = new Catalog();
    const { target, told, pods } = watch(catalog, SERVICE_IP, 80);
    expect(target.service()).toBeUndefined();
    expect(target.endpoints()).toEqual([]);
    putWeb(catalog, [SERVICE_IP]);
    putInstance(catalog, "web-1", "10.1.0.2");
    expect(pods()).toEqual(["web-1"]);
    putWeb(catalog);
    expect(target.service()).toBeUndefined();
    expect(told).toEqual(["replaced", "changed", "replaced"]);
    target.stop();
    putWeb(catalog, [SERVICE_IP]);
    expect(told).toHaveLength(3);
  });

  it("is meshed on every port while a proxy takes redirected connections there", () => {
    const catalog = catalogWithWeb();
    const { target } = watch(catalog, "10.1.0.2", 1234);
    const service = watch(catalog, SERVICE_IP, 80).target;
    const meshed = (of: typeof target) =>
      of
        .endpoints()
        .filter((endpoint) => endpoint.meshed)
        .map(({ pod }) => pod);
    expect(meshed(target)).toEqual([]);
    catalog.proxies.join(transparentProxy("web-1", "10.1.0.2"));
    expect(meshed(target)).toEqual(["web-1"]);
    expect(meshed(service)).toEqual(["web-1"]);
    catalog.proxies.leave("shop", "web-1");
    expect(meshed(target)).toEqual([]);
    expect(meshed(service)).toEqual([]);
  });

  it("is not meshed by a proxy that shares nothing but loopback", () => {
    const catalog = new Catalog();
    putInstance(catalog, "web-1", "127.0.0.1");
    catalog.proxies.join(transparentProxy("other", "127.0.0.1"));
    expect(watch(catalog, "127.0.0.1", 9000).target.endpoints()).toMatchObject([{ meshed: false }]);
  });
});
