import { expect, test } from "vitest";
import { find, objectsOf } from "./installations.js";

interface Expression {
  key: string;
  operator: "In" | "NotIn";
  values: string[];
}
interface Selector {
  matchExpressions?: Expression[];
}
interface Webhook {
  name: string;
  namespaceSelector: Selector;
  objectSelector: Selector;
}

/** As https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ has it: NotIn holds for a label that is missing. */
const matches = ({ matchExpressions = [] }: Selector, labels: Record<string, string>) =>
  matchExpressions.every(({ key, operator, values }) => {
    const isIn = labels[key] !== undefined && values.includes(labels[key]);
    return operator === "In" ? isIn : !isIn;
  });

const configuration = find(objectsOf("default"), "MutatingWebhookConfiguration", "mesh-webhook");
const { webhooks } = configuration as unknown as { webhooks: Webhook[] };

test.each([
  ["shop", undefined, undefined, 0],
  ["shop", "enabled", undefined, 1],
  ["shop", "disabled", undefined, 0],
  ["shop", "enabled", "enabled", 1],
  ["shop", "enabled", "disabled", 0],
  ["shop", undefined, "enabled", 1],
  ["shop", "disabled", "enabled", 1],
  ["shop", undefined, "disabled", 0],
  ["kube-system", "enabled", "enabled", 0],
  ["mesh-system", "enabled", "enabled", 0],
])("namespace %s labelled %s, pod labelled %s: asked %i times", (namespace, ofNamespace, ofPod, times) => {
  const label = (value: string | undefined) => (value === undefined ? {} : { "mesh.dev/inject": value });
  const asked = webhooks.filter(
    ({ namespaceSelector, objectSelector }) =>
      matches(namespaceSelector, { "kubernetes.io/metadata.name": namespace, ...label(ofNamespace) }) &&
      matches(objectSelector, label(ofPod)),
  );
  expect(asked).toHaveLength(times);
});
