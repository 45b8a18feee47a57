// What can be checked without a cluster: a control plane, and the proxies that are connected to it.
import type { CheckResponse__Output } from "../../../generated/mesh/api/v1/CheckResponse.js";
import { type Check, passed, warned } from "../check.js";
import { controlPlaneClockFinding } from "../clock.js";
import { configurationFinding } from "../configuration.js";
import { WITHOUT_EFFECT, withoutEffectFinding } from "../without-effect.js";
import { RENEWAL, renewalFinding } from "../renewal.js";
import type { HostContext } from "./context.js";
import { authority, tokens } from "./expiry.js";

const reachable: Check<HostContext> = {
  id: "control-plane",
  title: "the control plane answers",
  essential: true,
  async run({ client, api }) {
    await client.health();
    return passed(api);
  },
};

const versionIsOurs: Check<HostContext> = {
  id: "control-plane-version",
  title: "the control plane is of this command's version",
  async run({ client, version }) {
    const health = await client.health();
    if (health.version === version) return passed(version);
    return warned(
      `the command is ${version}, the control plane is ${health.version}`,
      "mesh of the same version on both sides",
    );
  },
};

const clocks: Check<HostContext> = {
  id: "control-plane-clock",
  title: "the clocks of this machine and of the control plane agree",
  run: ({ client }) => controlPlaneClockFinding(client),
};

const configuration: Check<HostContext> = {
  id: "configuration",
  title: "the control plane understands all of its configuration",
  run: ({ client }) => configurationFinding(client),
};

const withoutEffect: Check<HostContext> = {
  ...WITHOUT_EFFECT,
  run: ({ client }) => withoutEffectFinding(client, "grep -rE 'kind: (ServicePolicy|ExternalService)' DIR"),
};

const certificates: Check<HostContext> = {
  ...RENEWAL,
  run: ({ client }) => renewalFinding(client, "the proxy's log, which says why it has no other certificate"),
};

const proxiesConnected: Check<HostContext> = {
  id: "proxies-connected",
  title: "proxies are connected",
  async run({ client }) {
    const [{ connectedProxies }, { rows }] = await Promise.all([
      client.health(),
      client.stat({ selector: { type: "workload" } }),
    ]);
    if (connectedProxies === 0) {
      return warned(
        "no proxy is",
        "mesh proxy run --control-plane HOST:8086, beside each instance of a service",
      );
    }
    const sum = (count: "pods" | "meshedPods") =>
      rows.reduce((total, { resource }) => total + (resource?.[count] ?? 0), 0);
    return passed(`${connectedProxies}; ${sum("meshedPods")} of ${sum("pods")} instances have one`);
  },
};

const proxyVersions: Check<HostContext> = {
  id: "connected-versions",
  title: "every connected proxy is of the control plane's version",
  async run({ client }) {
    const health = await client.health();
    const others = otherVersions(health);
    if (others.length === 0) return passed(health.version);
    return warned(
      `the control plane is ${health.version}; ${others.map(([version, count]) => `${count} are ${version}`).join(", ")}`,
      "restart those proxies with the newer version",
    );
  },
};

const otherVersions = ({ proxyVersions: versions, version }: CheckResponse__Output) =>
  Object.entries(versions).filter(([other]) => other !== version);

/** Whether a control plane on a plain host works. */
export const HOST: readonly Check<HostContext>[] = [
  reachable,
  versionIsOurs,
  clocks,
  configuration,
  withoutEffect,
  authority,
  tokens,
  certificates,
  proxiesConnected,
  proxyVersions,
];
