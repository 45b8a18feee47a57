import { containerStatuses, type Pod, troubleOf } from "../../kubernetes/index.js";
import { Failure } from "../../output/index.js";

/** Reasons for waiting that waiting does not help against. The kubelet tries pulls again, and says the third after a failure. */
const HOPELESS_IMAGE = ["ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff"];
const HOPELESS = [
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "CrashLoopBackOff",
];

/** Why a pod will never run; undefined while it may. */
export function hopeless(pod: Pod): Failure | undefined {
  const { name } = pod.metadata;
  for (const { name: container = "", image = "", state } of containerStatuses(pod)) {
    const { reason = "", message = "" } = state?.waiting ?? {};
    if (HOPELESS_IMAGE.includes(reason)) {
      return new Failure(`the image ${image} of pod ${name} cannot be pulled (${reason}: ${message})`, {
        hint: "mesh install --registry HOST/PATH, where the cluster gets the images",
      });
    }
    if (HOPELESS.includes(reason)) {
      return new Failure(`${container} of pod ${name} does not start (${reason}: ${message})`);
    }
  }
  return pod.status?.phase === "Failed" ? new Failure(`pod ${name} ended: ${endOf(pod)}`) : undefined;
}

/** Whether every container of the pod has been started. */
export function hasStarted({ status }: Pod): boolean {
  const containers = status?.containerStatuses ?? [];
  return (
    containers.length > 0 &&
    containers.every(({ state }) => state?.running !== undefined || state?.terminated !== undefined)
  );
}

/** Whether the pod has ended, however. */
export const hasEnded = ({ status }: Pod): boolean =>
  status?.phase === "Failed" || status?.phase === "Succeeded";

/** What a pod waits for, in a few words. */
export function waitingFor(pod: Pod): string {
  const slow = containerStatuses(pod).find(({ state, started }) => state?.running && started === false);
  if (slow !== undefined) return `${slow.name ?? ""} of ${pod.metadata.name} is not ready`;
  return troubleOf(pod) ?? `${pod.metadata.name} is being made`;
}

function endOf(pod: Pod): string {
  const { reason, message } = pod.status ?? {};
  const said = containerStatuses(pod).flatMap(({ name = "", state }) => {
    const { exitCode = 0, reason: why = "", message: last = "" } = state?.terminated ?? {};
    return exitCode === 0 ? [] : [`${name} with status ${exitCode} ${last || why}`.trim()];
  });
  return said.join("; ") || message || reason || "it does not say why";
}
