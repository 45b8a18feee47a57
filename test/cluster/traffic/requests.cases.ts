// Plain requests: over whom they are spread, and who counts them.
import { expect, test } from "vitest";
import { mesh } from "../administrator.js";
import { runIn, SOON } from "./shop.js";

/** What `mesh stat` prints of the namespace. */
async function statOf(...words: string[]): Promise<string> {
  const { stdout } = await mesh("stat", ...words, "-n", "shop");
  return stdout;
}

test("requests are spread over the pods, and counted on both sides", async () => {
  const countPods = () =>
    runIn(
      "client",
      `const ask = () => fetch("http://web.shop.svc.cluster.local").then((answer) => answer.text());
      Promise.all(Array.from({ length: 20 }, ask)).then((names) => console.log(new Set(names).size));`,
    );
  await expect.poll(countPods, SOON).toBe("2\n");
  // Not all of it succeeded: some were asked before they listened, by probes and by those who wait for them.
  const counted = /^web +2\/2 +\d+\.\d\d% /m;
  for (const words of [["deploy"], ["deploy", "--from", "deploy/client"], ["svc"]]) {
    await expect.poll(() => statOf(...words), SOON).toMatch(counted);
  }
});
