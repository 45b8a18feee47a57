// The mesh is taken away from under its pods, and pods with a sidecar come to a cluster without one.
import { expect, test } from "vitest";
import { edited, kubectl, uninstall } from "../administrator.js";
import { inShop, runIn, SOON } from "./shop.js";

test("applications outlive the mesh", async () => {
  await uninstall();
  const ask = `fetch("http://web").then(({ status }) => status)`;
  const printed = await runIn(
    "client",
    `Promise.all(Array.from({ length: 50 }, () => ${ask})).then((all) =>
    console.log(new Set(all)))`,
  );
  expect(printed).toBe("Set(1) { 200 }\n");
});

test("a pod with a sidecar waits for a mesh, and its log and its events say so", async () => {
  const image = await inShop(
    "get",
    "deployment/client",
    "-o",
    "jsonpath={.spec.template.spec.containers[0].image}",
  );
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "early", namespace: "shop" },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "idle", image, command: ["/node", "-e", "setInterval(() => {}, 1e6)"] }],
    },
  };
  const { stdout } = await edited("inject", JSON.stringify(pod));
  await kubectl.run(["apply", "-f", "-"], stdout);
  const log = () => inShop("logs", "early", "-c", "mesh-proxy").catch(() => "");
  await expect.poll(log, SOON).toMatch(/no roots to trust yet.*mesh-trust-roots/);
  const events = () =>
    inShop(
      "get",
      "events",
      "--field-selector=involvedObject.name=early",
      "-o",
      "jsonpath={.items[*].message}",
    );
  await expect.poll(events, SOON).toContain("Readiness probe failed: HTTP probe failed with statuscode: 503");
  const started = "{.status.containerStatuses[0].started}";
  expect(await inShop("get", "pod", "early", "-o", `jsonpath=${started}`)).toBe("false");
});
