import type { Check } from "../check.js";
import { apiServerReachable, clocksAgree, kubernetesVersion } from "./api-server.js";
import type { ClusterContext } from "./context.js";
import { noPodLeftOut, proxiesReady, proxyVersions, tapsClosed } from "./data-plane.js";
import {
  certificatesRenewed,
  controlPlaneAnswers,
  controlPlaneClock,
  controlPlaneUnderstands,
  controlPlaneReady,
  replicaVersions,
  resourcesHaveEffect,
} from "./control-plane.js";
import { crdsEstablished, installed, installedVersion, notInstalled } from "./installation.js";
import { permissions } from "./permissions.js";
import { rootsPublished, sidecarsHaveRoots } from "./roots.js";
import { trustRoot } from "./trust-root.js";
import { webhookCertificate, webhookConfigurations } from "./webhooks.js";

const ANY_CLUSTER: readonly Check<ClusterContext>[] = [apiServerReachable, kubernetesVersion, clocksAgree];

/** Whether the mesh can be installed. */
export const BEFORE_INSTALL: readonly Check<ClusterContext>[] = [...ANY_CLUSTER, permissions, notInstalled];

/** Whether the mesh that is installed works. */
export const INSTALLED: readonly Check<ClusterContext>[] = [
  ...ANY_CLUSTER,
  installed,
  installedVersion,
  crdsEstablished,
  controlPlaneReady,
  replicaVersions,
  controlPlaneAnswers,
  controlPlaneClock,
  controlPlaneUnderstands,
  resourcesHaveEffect,
  trustRoot,
  rootsPublished,
  webhookCertificate,
  webhookConfigurations,
  certificatesRenewed,
  proxiesReady,
  proxyVersions,
  noPodLeftOut,
  sidecarsHaveRoots,
  tapsClosed,
];
