import { expect, test } from "vitest";
import { Catalog, type ConnectedProxy } from "../catalog/index.js";
import { proxyTargets } from "./proxy-targets.js";

const proxy = (name: string, adminAddress: string): ConnectedProxy => ({
  name,
  namespace: "shop",
  workload: { kind: "workload", name },
  version: "1.2.3",
  adminAddress,
  tapAddress: "",
  outboundAddress: "",
  inbound: [],
});

test("tells of pods that have a sidecar, connected or not, and of other connected proxies, each once", () => {
  const catalog = new Catalog();
  const instance = { namespace: "shop", workload: { kind: "deployment", name: "web" }, labels: {} };
  const sidecar = { adminAddress: "[fd00::7]:4191", tapAddress: "", inbound: [] };
  catalog.putInstance({ ...instance, name: "web-1", addresses: ["fd00::7"], ports: {}, sidecar });
  catalog.putInstance({ ...instance, name: "web-2", addresses: ["10.0.0.7"], ports: {}, sidecar });
  catalog.putInstance({ ...instance, name: "bare", addresses: ["10.0.0.8"], ports: {} });
  catalog.proxies.join(proxy("web-1", "127.0.0.1:4191"));
  catalog.proxies.join(proxy("host", "192.0.2.1:4191"));
  catalog.proxies.join(proxy("without", ""));
  expect(proxyTargets(catalog)).toEqual([
    { targets: ["192.0.2.1:4191"], labels: { namespace: "shop", pod: "host" } },
    { targets: ["[fd00::7]:4191"], labels: { namespace: "shop", pod: "web-1" } },
    { targets: ["[fd00::7]:4191"], labels: { namespace: "shop", pod: "web-2" } },
  ]);
});
