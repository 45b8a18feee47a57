import { type Check, failedForGood, passed, warned } from "../check.js";
import { clockFinding } from "../clock.js";
import { type ClusterContext, orThrow } from "./context.js";

/** The first version whose pods can have sidecars that start first and end last. */
const NATIVE_SIDECARS_SINCE = 29;

export const apiServerReachable: Check<ClusterContext> = {
  id: "api-server",
  title: "the API server answers",
  essential: true,
  async run({ cluster }) {
    orThrow(await cluster.ask("/version"));
    return passed(`${cluster.server}, context ${cluster.context}`);
  },
};

export const kubernetesVersion: Check<ClusterContext> = {
  id: "kubernetes-version",
  title: "Kubernetes is 1.29 or newer",
  async run({ cluster }) {
    const { body } = orThrow(await cluster.ask("/version"));
    const { gitVersion } = JSON.parse(body) as { gitVersion?: string };
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(gitVersion ?? "") ?? [];
    if (major === undefined) {
      return failedForGood(
        `what answers calls itself version ${JSON.stringify(gitVersion)}`,
        "kubectl version",
      );
    }
    if (Number(major) === 1 && Number(minor) < NATIVE_SIDECARS_SINCE) {
      return warned(
        `it is ${gitVersion ?? ""}, which has no native sidecars`,
        "mesh install --set proxy.nativeSidecar=false, or a newer Kubernetes",
      );
    }
    return passed(gitVersion);
  },
};

export const clocksAgree: Check<ClusterContext> = {
  id: "clocks",
  title: "the clocks of this machine and of the API server agree",
  async run({ cluster }) {
    const before = Date.now();
    const { date } = orThrow(await cluster.ask("/version"));
    const after = Date.now();
    if (date === undefined) return warned("the API server did not tell the time", "kubectl version -v 8");
    // It tells whole seconds, which have begun up to a second ago.
    return clockFinding(date.getTime() + 500 - (before + after) / 2, "the API server's");
  },
};
