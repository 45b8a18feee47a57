// The applications of applications.yaml and pods.yaml, in namespace shop of a cluster that has the mesh.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { certificateAuthority, serverCertificate } from "../../kubernetes/certificates.js";
import { applicationImage, edited, kubectl, rolledOut } from "../administrator.js";

/** Far more than anything takes, for machines are busy at times. */
export const SOON = { timeout: 90_000, interval: 500 };

export const inShop = (...words: string[]) => kubectl.run(["-n", "shop", ...words]);

const DEPLOYMENTS = ["web", "database", "multiplexed", "client", "plain", "stranger", "outside", "probed"];

/** The node's address and name, which a pod on its network has too. */
export async function nodeAddress(): Promise<{ readonly ip: string; readonly name: string }> {
  const address = `{.items[0].status.addresses[?(@.type=="InternalIP")].address}`;
  const printed = await kubectl.run(["get", "nodes", "-o", `jsonpath=${address} {.items[0].metadata.name}`]);
  const words = printed.split(" ");
  return { ip: words[0] ?? "", name: words.at(-1) ?? "" };
}

/** Deploys them with sidecars, and waits until they are ready. Gives what `mesh inject` said. */
export async function openShop(): Promise<string> {
  await kubectl.run(["create", "namespace", "shop"]);
  await createPrograms();
  const { ip, name } = await nodeAddress();
  const image = await applicationImage();
  const manifests = ["applications.yaml", "pods.yaml"]
    .map((file) => readFileSync(new URL(file, import.meta.url), "utf8"))
    .join("---\n")
    .replaceAll("APPLICATION_IMAGE", image)
    .replaceAll("OUTSIDE_IP", ip)
    .replaceAll("OUTSIDE_FAMILY", `IPv${isIP(ip)}`)
    .replaceAll("OUTSIDE_NODE", name);
  const { stdout, stderr } = await edited("inject", manifests);
  await kubectl.run(["apply", "-f", "-"], stdout);
  for (const deployment of DEPLOYMENTS) await rolledOut("shop", deployment);
  await inShop("rollout", "status", "statefulset/peers", "--timeout=120s");
  return stderr;
}

/** What the applications run, and the certificate of the one that is outside. */
async function createPrograms(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mesh-shop-"));
  const authority = certificateAuthority("outside");
  const { certificate, key } = serverCertificate(authority, ["DNS:outside.example"]);
  writeFileSync(join(folder, "authority.crt"), authority.certificate);
  writeFileSync(join(folder, "outside.crt"), certificate);
  writeFileSync(join(folder, "outside.key"), key);
  const programs = fileURLToPath(new URL("programs", import.meta.url));
  await inShop("create", "configmap", "programs", `--from-file=${programs}`, `--from-file=${folder}`);
  rmSync(folder, { recursive: true });
}

/** Runs a script in a deployment's pod, beside its application; gives what it prints. */
export const runIn = (name: string, script: string) =>
  inShop("exec", `deployment/${name}`, "-c", name, "--", "/node", "-e", script);

/** Runs one of the programs in the client's pod; gives what it prints. */
export const runProgram = (program: string, ...words: string[]) =>
  inShop("exec", "deployment/client", "-c", "client", "--", "/node", `/programs/${program}`, ...words);

/** What a deployment's pod is answered by each of these URLs: the status, and the body. */
export async function answersTo(name: string, ...urls: string[]): Promise<string[]> {
  const script = `
    const ask = (url) => fetch(url).then(async (answer) => answer.status + " " + (await answer.text()));
    Promise.all(${JSON.stringify(urls)}.map(ask)).then((answers) => console.log(JSON.stringify(answers)));`;
  return JSON.parse(await runIn(name, script)) as string[];
}

/** What a template says of the pod of a deployment that has one. */
export const podOf = (name: string, template: string) =>
  inShop("get", "pods", "-l", `app=${name}`, "-o", `jsonpath=${template}`);

/** The name of a deployment's pod, by which its application answers. */
export const nameOf = (name: string) => podOf(name, "{.items[0].metadata.name}");
