import { expect, test } from "vitest";
import { Catalog, type ConnectedProxy } from "../catalog/index.js";
import { Subscription } from "./subscription.js";

const IDENTITY = "spiffe://mesh.test/ns/shop/sa/web";
const WORKLOAD = { kind: "deployment", name: "web" };

/** A catalog with one meshed instance, which these networks reach without its sidecar. */
function catalogWithWeb(...bypassedFrom: string[]): Catalog {
  const catalog = new Catalog();
  catalog.putInstance({
    ...{ namespace: "shop", name: "web-1", workload: WORKLOAD, labels: {} },
    ...{ addresses: ["10.1.0.2"], ports: {} },
    sidecar: {
      adminAddress: "10.1.0.2:4191",
      tapAddress: "",
      inbound: [{ address: "10.1.0.2:4143", application: "" }],
      identity: IDENTITY,
      ...(bypassedFrom.length > 0 && { bypassedFrom }),
    },
  });
  return catalog;
}

/** The identity of the instance's endpoint, as a proxy at this address is told of it. */
function toldTo(ip: string, catalog: Catalog, more: Partial<ConnectedProxy> = {}): string | undefined {
  const asker: ConnectedProxy = {
    ...{ name: "client-1", namespace: "shop", workload: WORKLOAD, version: "1" },
    ...{ adminAddress: `${ip}:4191`, tapAddress: "", outboundAddress: "", inbound: [] },
    identity: "spiffe://mesh.test/ns/shop/sa/client",
    ...more,
  };
  const name = { originalDestination: { ip: "10.1.0.2", port: 80 } };
  const subscription = new Subscription(catalog, name, asker, () => undefined);
  const [endpoint] = subscription.take()?.snapshot?.endpoints ?? [];
  subscription.stop();
  return endpoint?.identity;
}

test("an application that is redirected is told no identity of its own pod", () => {
  const own = { name: "web-1", inbound: [{ address: "10.1.0.2:4143", application: "" }] };
  expect(toldTo("10.1.0.2", catalogWithWeb(), own)).toBe("");
  expect(toldTo("10.1.0.9", catalogWithWeb())).toBe(IDENTITY);
});

test.each([
  ["10.9.0.1", ""],
  ["10.10.0.1", IDENTITY],
  ["192.0.2.7", ""],
  ["192.0.2.8", IDENTITY],
  ["[fd09::1]", ""],
  ["[fd10::1]", IDENTITY],
])("who reaches an instance without its sidecar speaks plain text: %s is told %j", (ip, identity) => {
  expect(toldTo(ip, catalogWithWeb("10.9.0.0/16", "192.0.2.7", "fd09::/16"))).toBe(identity);
});
