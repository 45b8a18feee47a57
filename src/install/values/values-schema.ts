import { IMAGE_NAME, REGISTRY_NAME } from "../../image-names/index.js";
import {
  fields,
  flag,
  fraction,
  type Infer,
  list,
  matching,
  oneOf,
  optionalFields,
  quantity,
  quantityOrNone,
  text,
  textMap,
  wholeNumber,
} from "./schema.js";

/** As Prometheus reads it: the larger unit first, each once. */
const DURATION = /^(?=.)([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$/;
const SCRAPE_INTERVAL = /^([1-9]|1[0-5])s$/;
const PORTS = /^[0-9]{1,5}(-[0-9]{1,5})?$/;
const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const OBJECT_NAME_OR_NONE = /^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const URL_OR_NONE = /^$|^https?:\/\/[^\s/?#@]+[^\s?#]*$/;
const TAG_OR_NONE = /^$|^[\w][\w.-]{0,127}$/;
const DIGEST_OR_NONE = /^$|^sha256:[0-9a-f]{64}$/;
const SUBNET = /^[0-9a-fA-F.:]+(\/[0-9]{1,3})?$/;

const dnsName = () => matching("a DNS name of lower-case letters, digits, - and .", DNS_NAME);
const objectNameOrNone = () => matching("a name of lower-case letters, digits, - and .", OBJECT_NAME_OR_NONE);
const duration = () => matching("a duration, as in 90m, 6h or 7d", DURATION);
const ports = () => list(matching("a port or a range, as in 25 or 8000-8100", PORTS));

const resources = () =>
  fields({
    requests: fields({ cpu: quantity(), memory: quantity() }),
    limits: fields({ cpu: quantityOrNone(), memory: quantityOrNone() }),
  });

const ownImage = () =>
  fields({
    tag: matching("an image's tag", TAG_OR_NONE),
    digest: matching("a digest, sha256: and 64 hexadecimal digits", DIGEST_OR_NONE),
  });

const image = () => matching("an image, as in docker.io/prom/prometheus:v3.5.0", IMAGE_NAME);

/** Everything that an installation can be told. Defaults, and what each is for, are in templates/values.yaml. */
export const VALUES_SCHEMA = fields({
  ha: flag(),
  clusterDomain: dnsName(),
  defaultPermission: oneOf("allow", "deny"),
  nodeSelector: textMap(),
  tolerations: list(
    optionalFields({
      key: text(),
      operator: oneOf("Exists", "Equal"),
      value: text(),
      effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"),
      tolerationSeconds: wholeNumber(0, 2_147_483_647),
    }),
  ),
  images: fields({
    registry: matching("a registry in lower-case letters, as in registry.example.com/mesh", REGISTRY_NAME),
    pullPolicy: oneOf("Always", "IfNotPresent", "Never"),
    pullSecrets: list(dnsName()),
    controlPlane: ownImage(),
    proxy: ownImage(),
    init: ownImage(),
  }),
  controlPlane: fields({
    replicas: wholeNumber(1, 100),
    autoscaling: fields({
      enabled: flag(),
      maxReplicas: wholeNumber(1, 100),
      cpuUtilization: wholeNumber(1, 100),
    }),
    logFormat: oneOf("text", "json"),
    inboundTls: oneOf("permissive", "strict"),
    resources: resources(),
  }),
  webhook: fields({
    replicas: wholeNumber(1, 100),
    failurePolicy: oneOf("Ignore", "Fail"),
    timeoutSeconds: wholeNumber(1, 30),
    resources: resources(),
  }),
  identity: fields({
    trustDomain: dnsName(),
    issuer: fields({ secretName: objectNameOrNone() }),
  }),
  proxy: fields({
    nativeSidecar: flag(),
    cni: flag(),
    waitForReady: flag(),
    logLevel: oneOf("error", "warn", "info", "debug"),
    logFormat: oneOf("text", "json"),
    workers: wholeNumber(1, 256),
    uid: wholeNumber(1, 2_147_483_647),
    skipInboundPorts: ports(),
    skipOutboundPorts: ports(),
    skipSubnets: list(matching("a subnet, as in 10.0.0.0/8", SUBNET)),
    opaquePorts: ports(),
    inboundTls: oneOf("permissive", "strict"),
    resources: fields({
      requests: fields({ cpu: quantity(), memory: quantity() }),
      limits: fields({ cpu: quantity(), memory: quantity() }),
    }),
  }),
  prometheus: fields({
    enabled: flag(),
    url: matching("an http or https URL", URL_OR_NONE),
    image: image(),
    scrapeInterval: matching("a duration from 1s to 15s", SCRAPE_INTERVAL),
    retention: duration(),
    storage: quantity(),
    alerts: fields({
      enabled: flag(),
      minSuccessRate: fraction(0, 1),
      certificateDays: wholeNumber(1, 3650),
    }),
    resources: resources(),
  }),
  grafana: fields({ enabled: flag(), image: image(), resources: resources() }),
  networkPolicies: fields({ enabled: flag() }),
});

/** Complete values: the defaults with what the user gave. */
export type Values = Infer<typeof VALUES_SCHEMA>;
/** Requests and limits of a container; a limit that is empty is none. */
export type ResourceValues = Values["controlPlane"]["resources"];
