// What a pod does beside answering: it starts, is looked into, and ends.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { kubectl } from "../administrator.js";
import { inShop, nameOf, podOf } from "./shop.js";

describe("an init container has the network that it needs", () => {
  const containers = "{.items[0].spec.initContainers[*].name}";
  const exitCodes = "{.items[0].status.initContainerStatuses[*].state.terminated.exitCode}";

  test("through the sidecar, when that is a native one", async () => {
    expect(await podOf("client", containers)).toBe("mesh-proxy mesh-init asks-first");
    expect(await podOf("client", exitCodes)).toBe("0 0");
  });

  test("outside of the mesh, before a plain sidecar", async () => {
    expect(await podOf("plain", containers)).toBe("asks-outside-of-the-mesh mesh-init");
    expect(await podOf("plain", exitCodes)).toBe("0 0");
  });
});

describe("a job ends, and its sidecar with it,", () => {
  test.each(["succeeds", "ends-plain-sidecar"])("when it %s", async (job) => {
    await inShop("wait", `job/${job}`, "--for=condition=complete", "--timeout=90s");
  });

  test("when it fails", async () => {
    await inShop("wait", "job/fails", "--for=condition=failed", "--timeout=90s");
    const states =
      "{.items[0].status.phase} {.items[0].status.containerStatuses[0].state.terminated.exitCode}";
    expect(await inShop("get", "pods", "-l", "job-name=fails", "-o", `jsonpath=${states}`)).toBe("Failed 7");
  });
});

describe("kubectl looks into a pod with a sidecar:", () => {
  const client = ["deployment/client", "-c", "client"];

  test("exec, with what it is given", async () => {
    const echo = ["exec", "-n", "shop", "-i", ...client, "--", "/node", "-e"];
    const said = "word\n".repeat(20_000);
    expect(await kubectl.run([...echo, "process.stdin.pipe(process.stdout)"], said)).toBe(said);
    await expect(kubectl.run([...echo, "process.exit(3)"])).rejects.toThrow("exit code 3");
  });

  test("logs, of the application and of its sidecar", async () => {
    expect(await inShop("logs", ...client)).toContain("listening");
    expect(await inShop("logs", "deployment/client", "-c", "mesh-proxy")).toContain("listening");
  });

  test("port-forward, to the application", async () => {
    const [program = "", ...words] = kubectl.words([
      "port-forward",
      "-n",
      "shop",
      "deployment/client",
      ":8080",
    ]);
    const forward = spawn(program, words, { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void forward.kill());
    for await (const line of createInterface({ input: forward.stdout })) {
      const [, port] = /^Forwarding from 127\.0\.0\.1:(\d+) /.exec(line) ?? [];
      if (port === undefined) continue;
      const answer = await fetch(`http://127.0.0.1:${port}`);
      expect(await answer.text()).toBe(await nameOf("client"));
      return;
    }
    throw new Error("kubectl port-forward has ended");
  });
});
