// What is outside of the pods' network, as a Workload beside a pod behind one Service.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubectl, mesh } from "../administrator.js";
import { answersTo, inShop, nameOf, nodeAddress, SOON } from "./shop.js";

async function applyWorkload(): Promise<void> {
  const { ip } = await nodeAddress();
  const workload = {
    apiVersion: "mesh.dev/v1alpha1",
    kind: "Workload",
    metadata: { name: "outside-machine", namespace: "shop", labels: { behind: "moving" } },
    spec: { address: ip, ports: [{ name: "http", port: 18080 }] },
  };
  await kubectl.run(["apply", "-f", "-"], JSON.stringify(workload));
}

/** Who answers, of twenty requests to the service. */
async function answering(): Promise<string[]> {
  const answers = await answersTo("client", ...Array<string>(20).fill("http://moving"));
  return [...new Set(answers)].sort();
}

const OUTSIDE = "200 outside, asked for moving";

describe("a Workload outside of the pods' network", () => {
  let inside: string;

  beforeAll(async () => {
    inside = `200 ${await nameOf("plain")}`;
    await applyWorkload();
  });
  afterAll(() => inShop("delete", "workload", "outside-machine", "--ignore-not-found"));

  test("serves a service beside a pod, for as long as it is there", async () => {
    await expect.poll(answering, SOON).toEqual([OUTSIDE, inside].sort());
    await inShop("delete", "workload", "outside-machine");
    await expect.poll(answering, SOON).toEqual([inside]);
    await applyWorkload();
    await expect.poll(answering, SOON).toEqual([OUTSIDE, inside].sort());
  });

  test("has no sidecar, and what is sent to it is counted", async () => {
    const statOf = async (...words: string[]) => (await mesh("stat", ...words, "-n", "shop")).stdout;
    await expect.poll(() => statOf("wl"), SOON).toMatch(/^workload\/outside-machine +0\/1 /m);
    const toOutside = () => statOf("deploy/client", "--to", "workload/outside-machine");
    await expect.poll(toOutside, SOON).toMatch(/^client +1\/1 +100\.00% +0\.00% /m);
  });
});
