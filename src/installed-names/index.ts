// What the objects of an installation are called, by which labels and ports they are found. Apart from src/install, because
// loading how objects are rendered takes longer than a command may that only looks for one.
export {
  clusterMetadata,
  CONTROL_PLANE,
  GIVEN_VALUES_KEY,
  GRAFANA,
  INJECT_LABEL,
  ISSUER_SECRET,
  labelsOf,
  metadata,
  NAMESPACE,
  OWNED_BY_CONTROL_PLANE,
  OWNED_BY_INSTALL,
  type PartName,
  PROMETHEUS,
  selectorOf,
  TRUST_ROOTS_CONFIG_MAP,
  TRUST_ROOTS_KEY,
  VALUES_CONFIG_MAP,
  VALUES_KEY,
  WEBHOOK,
  WEBHOOK_SECRET,
} from "./names.js";
export { PORTS, type RelayedPort } from "./ports.js";
