// What goes wrong around pods, and who tells.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applicationImage, edited, kubectl, mesh, meshWith, rolledOut } from "../administrator.js";
import { inShop, SOON } from "./shop.js";

const podNamed = async (name: string, metadata: object) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", ...metadata },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "idle",
        image: await applicationImage(),
        command: ["/node", "-e", "setInterval(() => {}, 1e6)"],
      },
    ],
  },
});

/** What `mesh check` finds, by the check. */
async function findings(result: ReturnType<typeof mesh>): Promise<Record<string, string>> {
  const { stdout } = await result;
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string; detail?: string }[] };
  return Object.fromEntries(checks.map(({ id, state, detail = "" }) => [id, `${state}: ${detail}`]));
}

test("mesh check tells of a sidecar whose image is not there", async () => {
  const annotations = { "config.mesh.dev/proxy-image": "registry.mesh.dev/mesh-proxy:none" };
  const { stdout } = await edited("inject", JSON.stringify(await podNamed("imageless", { annotations })));
  await kubectl.run(["apply", "-f", "-"], stdout);
  const image =
    /^failed: 1 of \d+ are not: shop\/imageless; mesh-proxy of imageless: (ErrImagePull|ImagePullBackOff) .*mesh-proxy:none/;
  await expect
    .poll(async () => (await findings(mesh("check", "-o", "json")))["proxies-ready"], SOON)
    .toMatch(image);
  await inShop("delete", "pod", "imageless", "--now");
});

test("mesh check tells of a clock that is ten minutes ahead", async () => {
  const ahead = "const now = Date.now; Date.now = () => now() + 600_000;";
  const clock = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}` };
  const { clocks } = await findings(meshWith(clock, "check", "-o", "json"));
  expect(clocks).toMatch(/^failed: the API server's clock is (9|10)m.* behind this machine's$/);
});

describe("without its webhook", () => {
  const scaled = (replicas: number) =>
    kubectl.run(["-n", "mesh-system", "scale", "deployment/mesh-webhook", `--replicas=${replicas}`]);
  beforeAll(async () => {
    await scaled(0);
    const pods = ["pod", "-l", "app.kubernetes.io/name=mesh-webhook"];
    await kubectl.run(["-n", "mesh-system", "wait", ...pods, "--for=delete", "--timeout=90s"]);
  });
  afterAll(async () => {
    await scaled(1);
    await rolledOut("mesh-system", "mesh-webhook");
  });

  test("pods start without a sidecar, and mesh check names them", async () => {
    const pod = await podNamed("left-out", { labels: { "mesh.dev/inject": "enabled" } });
    await kubectl.run(["apply", "-f", "-"], JSON.stringify(pod));
    await inShop("wait", "pod/left-out", "--for=condition=Ready", "--timeout=90s");
    expect(await inShop("get", "pod", "left-out", "-o", "jsonpath={.spec.initContainers}")).toBe("");
    expect((await findings(mesh("check", "-o", "json")))["pods-without-sidecar"]).toMatch(
      /^failed: .*shop\/left-out/,
    );
    await inShop("delete", "pod", "left-out", "--now");
  });
});
