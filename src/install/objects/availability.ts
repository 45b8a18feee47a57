import type { IHorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import type { Installation } from "../installation.js";
import { CONTROL_PLANE, metadata, selectorOf, WEBHOOK } from "../../installed-names/index.js";

/** When nodes are drained, one pod of each part goes at a time. A single pod may go as well. */
export const disruptionBudgets = ({ version }: Installation): IPodDisruptionBudget[] =>
  ([CONTROL_PLANE, WEBHOOK] as const).map((part) => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadata(part, part, version),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(part) } },
  }));

/** More pods of the control plane when its CPU is busy. */
export function autoscaler({ values, version }: Installation): IHorizontalPodAutoscaler[] {
  const { replicas, autoscaling } = values.controlPlane;
  if (!autoscaling.enabled) return [];
  return [
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: metadata(CONTROL_PLANE, CONTROL_PLANE, version),
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: CONTROL_PLANE },
        minReplicas: replicas,
        maxReplicas: autoscaling.maxReplicas,
        metrics: [
          {
            type: "ContainerResource",
            containerResource: {
              name: "cpu",
              container: "control-plane",
              target: { type: "Utilization", averageUtilization: autoscaling.cpuUtilization },
            },
          },
        ],
      },
    },
  ];
}
