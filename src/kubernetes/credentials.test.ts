// Who a command is to the API server, by what a kubeconfig says of its user, and what is told when that cannot be had.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ApiServer, kubeconfigFor, startApiServer, TOKEN } from "../../test/kubernetes/api-server.js";
import { Cluster, type ClusterFailure, type ClusterSelection } from "./index.js";

let server: ApiServer;
let folder: string;
const opened: Cluster[] = [];
beforeAll(async () => {
  server = await startApiServer(() => ({ body: {} }));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mesh-credentials-"));
});
afterEach(() => {
  for (const cluster of opened.splice(0)) cluster.close();
  rmSync(folder, { recursive: true });
});
afterAll(() => server.stop());

interface Entries {
  users: object[];
  clusters: { name: string; cluster: object }[];
}

/** A cluster by a kubeconfig in `folder` whose user, or cluster, is another. */
async function openAs(
  user: object,
  ofCluster: object = {},
  selection: ClusterSelection = {},
): Promise<Cluster> {
  const config = JSON.parse(kubeconfigFor(server.url, server.authority.certificate)) as Entries;
  config.users = [{ name: "tester", user }];
  for (const entry of config.clusters) entry.cluster = { ...entry.cluster, ...ofCluster };
  const kubeconfig = join(folder, "config");
  writeFileSync(kubeconfig, JSON.stringify(config));
  const cluster = await Cluster.open({ kubeconfig, ...selection }, {});
  if (!cluster.ok) throw cluster.error;
  opened.push(cluster.value);
  return cluster.value;
}

const asked = async (user: object, ofCluster?: object) => (await openAs(user, ofCluster)).ask("/version");

async function refused(
  user: object,
  ofCluster?: object,
): Promise<Pick<ClusterFailure, "kind" | "message" | "hint">> {
  const answer = await asked(user, ofCluster);
  if (answer.ok) throw new Error("it was answered");
  const { kind, message, hint } = answer.error;
  return { kind, message, hint };
}

const V1 = "client.authentication.k8s.io/v1";
const NO_CREDENTIALS = "no credentials for user 'tester' of the kubeconfig: its plugin";

/** A user whose plugin is a script of a shell. */
const scripted = (script: string, more: object = {}) => ({
  exec: { apiVersion: V1, command: "/bin/sh", args: ["-c", script], interactiveMode: "Never", ...more },
});

/** A script that prints a credential, and adds a line to the file `runs`. */
const printing = (status: object) =>
  `echo >> ${folder}/runs; echo '${JSON.stringify({ apiVersion: V1, kind: "ExecCredential", status })}'`;

const runs = () => readFileSync(join(folder, "runs"), "utf8").length;

describe("a credential plugin", () => {
  test("is run once for all questions, whoever asks them", async () => {
    const user = scripted(printing({ token: TOKEN }));
    for (const cluster of [await openAs(user), await openAs(user)]) {
      const answers = await Promise.all([cluster.ask("/one"), cluster.ask("/two")]);
      expect(answers.map(({ ok }) => ok)).toEqual([true, true]);
    }
    expect(runs()).toBe(1);
  });

  test("is run again when what it gave has ended", async () => {
    const cluster = await openAs(
      scripted(printing({ token: TOKEN, expirationTimestamp: "2001-01-01T00:00:00Z" })),
    );
    for (const path of ["/one", "/two"]) expect((await cluster.ask(path)).ok).toBe(true);
    expect(runs()).toBe(2);
  });

  test("is run again when the API server does not take what it gave", async () => {
    const script = `if test -e ${folder}/runs; then TOKEN=${TOKEN}; fi; echo >> ${folder}/runs;
      echo '{"kind":"ExecCredential","status":{"token":"'$TOKEN'"}}'`;
    const cluster = await openAs(scripted(script));
    expect(await cluster.ask("/one")).toMatchObject({ error: { kind: "unauthorized" } });
    expect((await cluster.ask("/two")).ok).toBe(true);
  });

  test("is told what it is asked for, and by its own variables, as kubectl tells it", async () => {
    const script = `echo "$KUBERNETES_EXEC_INFO" > ${folder}/info; ${printing({ token: TOKEN })}; test "$PROFILE" = shop`;
    const env = [{ name: "PROFILE", value: "shop" }];
    expect((await asked(scripted(script, { env, provideClusterInfo: true }))).ok).toBe(true);
    expect(JSON.parse(readFileSync(join(folder, "info"), "utf8"))).toMatchObject({
      apiVersion: V1,
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: server.url } },
    });
  });

  test("is looked for beside the kubeconfig when its path is relative", async () => {
    writeFileSync(join(folder, "plugin"), `#!/bin/sh\n${printing({ token: TOKEN })}\n`, { mode: 0o755 });
    expect((await asked({ exec: { apiVersion: V1, command: "./plugin" } })).ok).toBe(true);
  });

  test("that is not there is named, with how to get it", async () => {
    const exec = { apiVersion: V1, command: "no-such-plugin", installHint: "apt install no-such-plugin\n" };
    expect(await refused({ exec })).toEqual({
      kind: "no-credentials",
      message: `${NO_CREDENTIALS} no-such-plugin is not there`,
      hint: "apt install no-such-plugin",
    });
  });

  test.each([
    ["fails", "echo please log in >&2; exit 3", {}, "ended with status 3 (please log in)"],
    ["prints something else", "echo hello", {}, "printed no ExecCredential"],
    ["prints nothing of use", "echo null", {}, "printed no ExecCredential"],
    ["needs a terminal", "", { interactiveMode: "Always" }, "asks at a terminal, and there is none"],
  ])("that %s is named with that", async (_what, script, more, reason) => {
    const { kind, message } = await refused(scripted(script, more));
    expect([kind, message]).toEqual(["no-credentials", `${NO_CREDENTIALS} /bin/sh ${reason}`]);
  });
});

test("a token is read from the file that the kubeconfig names, beside it", async () => {
  writeFileSync(join(folder, "token"), `${TOKEN}\n`);
  expect((await asked({ tokenFile: "token", token: "another" })).ok).toBe(true);
});

test("whom the kubeconfig says to act as is whom a command acts as, unless it says another", async () => {
  const user = { token: TOKEN, as: "jane", "as-groups": ["shop", "staff"] };
  const impersonated = () => {
    const { headers } = server.received.at(-1) ?? {};
    return [headers?.["impersonate-user"], headers?.["impersonate-group"]];
  };
  await (await openAs(user)).ask("/version");
  expect(impersonated()).toEqual(["jane", "shop, staff"]);
  await (await openAs(user, {}, { as: "joe" })).ask("/version");
  expect(impersonated()).toEqual(["joe", undefined]);
});

describe("a file that the kubeconfig names, or what stands in its place,", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  test.each([
    ["the token", { tokenFile: "away" }, {}, "the tokenFile of user 'tester' cannot be read"],
    [
      "a certificate",
      { "client-certificate": "away" },
      {},
      "the client-certificate of user 'tester' cannot be read",
    ],
    ["a key", { "client-key": "away" }, {}, "the client-key of user 'tester' cannot be read"],
    [
      "the authority's certificate",
      { token: TOKEN },
      { "certificate-authority": "away", "certificate-authority-data": undefined },
      "the certificate-authority of cluster 'test' cannot be read",
    ],
  ])("is named when it is not there: %s", async (_what, user, ofCluster, message) => {
    expect(await refused(user, ofCluster)).toMatchObject({
      kind: "bad-kubeconfig",
      message: `${message} (${join(folder, "away")}: there is no such file)`,
    });
  });

  test("is named when it is not PEM", async () => {
    const certificate = { "client-certificate-data": base64("hello") };
    expect((await refused(certificate)).message).toBe(
      "the client-certificate of user 'tester' is not PEM (in the kubeconfig)",
    );
    expect(
      (await refused({ token: TOKEN }, { "certificate-authority-data": base64("hello") })).message,
    ).toContain("is not PEM");
  });
});
