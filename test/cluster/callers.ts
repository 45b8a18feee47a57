// An application in namespace life whose processes end at once when they are told to, and those who call it all the time.
import { readFileSync } from "node:fs";
import { expect, vi } from "vitest";
import { applicationImage, edited, kubectl, rolledOut } from "./administrator.js";

export const inLife = (...words: string[]) => kubectl.run(["-n", "life", ...words]);
export const inSystem = (...words: string[]) => kubectl.run(["-n", "mesh-system", ...words]);

/** Deploys them with sidecars, in a cluster that has the mesh, and waits until all callers are answered. */
export async function startCallers(): Promise<void> {
  const manifests = readFileSync(new URL("life.yaml", import.meta.url), "utf8");
  const { stdout } = await edited(
    "inject",
    manifests.replaceAll("APPLICATION_IMAGE", await applicationImage()),
  );
  await kubectl.run(["apply", "-f", "-"], stdout);
  for (const name of ["web", "caller"]) await rolledOut("life", name);
  await vi.waitFor(async () => expect((await outcomes()).every((seen) => seen["200"])).toBe(true), 60_000);
}

type Outcomes = Record<string, number>;

/** How often each of the callers has seen each outcome so far. */
async function outcomes(): Promise<Outcomes[]> {
  const names = await inLife("get", "pods", "-l", "app=caller", "-o", "jsonpath={.items[*].metadata.name}");
  const print = `fetch("http://127.0.0.1:9000").then((answer) => answer.text()).then(console.log)`;
  const ask = (name: string) => inLife("exec", name, "-c", "caller", "--", "/node", "-e", print);
  const printed = await Promise.all(names.split(" ").map(ask));
  return printed.map((text) => JSON.parse(text) as Outcomes);
}

/** Fails when a caller lost a request while `change` was going on, or sent none. */
export async function expectNoLoss(change: () => Promise<unknown>): Promise<void> {
  const before = await outcomes();
  await change();
  const after = await outcomes();
  expect(after.length).toBe(2);
  const sent = after.map((seen, index) => {
    const more = Object.entries(seen).map(
      ([outcome, count]) => [outcome, count - (before[index]?.[outcome] ?? 0)] as const,
    );
    return Object.fromEntries(more.filter(([, count]) => count > 0));
  });
  for (const seen of sent) {
    expect(Object.keys(seen)).toEqual(["200"]);
    expect(seen["200"]).toBeGreaterThan(100);
  }
}
