// The kubelet asks the containers of a pod with a sidecar how they are, in every way that it knows.
import { expect, test } from "vitest";
import { inShop, podOf, SOON } from "./shop.js";

const KINDS = ["http", "tcp", "grpc", "exec"] as const;

/** A field of each container's status, by the container's name. */
async function statuses(field: "ready" | "restartCount"): Promise<Record<string, string>> {
  const template = `{range .items[0].status.containerStatuses[*]}{.name}={.${field}} {end}`;
  const words = (await podOf("probed", template)).trim().split(" ");
  return Object.fromEntries(words.map((word) => word.split("=") as [string, string]));
}

const all = (value: string) => Object.fromEntries(KINDS.map((kind) => [kind, value]));

test("a kubelet finds well what is well, and ill what is ill, by HTTP, TCP, gRPC and a program", async () => {
  expect(await statuses("ready")).toEqual(all("true"));
  expect(await statuses("restartCount")).toEqual(all("0"));

  const fallIll = (kind: string) =>
    inShop("exec", "deployment/probed", "-c", kind, "--", "/node", "-e", "process.kill(1, 'SIGUSR2')");
  await Promise.all(KINDS.map(fallIll));
  const found = { ...all("true") };
  const illOnes = async () => {
    for (const [kind, ready] of Object.entries(await statuses("ready")))
      if (ready === "false") found[kind] = ready;
    return found;
  };
  await expect.poll(illOnes, SOON).toEqual(all("false"));

  // Made anew they are well.
  await expect.poll(() => statuses("restartCount"), SOON).toEqual(all("1"));
  await expect.poll(() => statuses("ready"), SOON).toEqual(all("true"));
});
