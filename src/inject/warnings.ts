import { isIP } from "node:net";
import type { Path } from "../manifest/index.js";
import { INJECT_LABEL } from "./names.js";
import type { Options } from "./options.js";
import { containersOf, otherDns, portsOf, textEntries } from "./pod.js";
import type { PodTemplate } from "./pod-template.js";
import { at, isHttps, probesOf } from "./probes.js";
import { sidecarPortOption } from "./skip.js";

/** Something that works otherwise than one might think in a pod that gets a sidecar. */
export interface Warning {
  /** What it is about, from the object's root. */
  readonly path: Path;
  readonly message: string;
}

type Rule = (template: PodTemplate, options: Options) => readonly Warning[];

/** What is to be known of a pod that gets a sidecar with these options. */
export function warningsOf(template: PodTemplate, options: Options): Warning[] {
  return RULES.flatMap((rule) => rule(template, options));
}

const udpPorts: Rule = (template) =>
  containersOf(template).flatMap((container) =>
    portsOf(container)
      .filter(({ protocol }) => protocol === "UDP")
      .map(({ path, number }) => ({
        path,
        message: `UDP port ${number} of container ${container.name} stays outside of the mesh: only TCP is redirected`,
      })),
  );

const noToken: Rule = ({ path, spec }) =>
  spec["automountServiceAccountToken"] === false
    ? [
        {
          path: [...path, "spec", "automountServiceAccountToken"],
          message:
            "automountServiceAccountToken: false is kept, and the sidecar alone gets a token: the mesh takes it, the API server does not",
        },
      ]
    : [];

const probesOfSidecarPorts: Rule = (template, options) =>
  probesOf(template).flatMap(({ container, way, port }) => {
    const option = sidecarPortOption(port, options);
    if (option === undefined) return [];
    const message = `${way.join(".")} of container ${container.name} asks port ${port}, which is the sidecar's ${option}: not the application answers there`;
    return [{ path: [...container.path, ...way], message }];
  });

/** What in strict mode is neither secured by the mesh nor a probe that can be told from other plain text. */
const refusedByStrict: Rule = (template, { inboundTls }) => {
  if (inboundTls !== "strict") return [];
  return probesOf(template).flatMap(({ container, way, port }) => {
    const asks = `${way.join(".")} of container ${container.name} asks port ${port}`;
    const action = at(container.value, [...way, "httpGet"]);
    if (!action || action["host"]) return [];
    const path = [...container.path, ...way];
    if (isHttps(action)) return [{ path, message: `${asks} by HTTPS, which inbound-tls strict refuses` }];
    const isHook = way[0] === "lifecycle";
    return isHook ? [{ path, message: `${asks} in plain text, which inbound-tls strict refuses` }] : [];
  });
};

const sidecarsUser: Rule = (template, { proxyUid }) => {
  const pod = { path: [...template.path, "spec"], name: "the pod", value: template.spec };
  const holders = [pod, ...containersOf(template).map((one) => ({ ...one, name: `container ${one.name}` }))];
  return holders
    .filter(({ value }) => at(value, ["securityContext"])?.["runAsUser"] === proxyUid)
    .map(({ path, name }) => ({
      path: [...path, "securityContext", "runAsUser"],
      message: `${name} runs as user ${proxyUid} like the sidecar, so its connections bypass the mesh; proxy-uid chooses another user`,
    }));
};

const nodesDns: Rule = (template, { controlPlane }) => {
  const policy = otherDns(template);
  if (policy === undefined || isIP(controlPlane.host) !== 0) return [];
  return [
    {
      path: [...template.path, "spec", "dnsPolicy"],
      message: `with dnsPolicy: ${policy} the sidecar may not find ${controlPlane.host}, and the pod would not become ready; control-plane takes an address`,
    },
  ];
};

const initBeforeSidecar: Rule = (template, { nativeSidecar, cni }) => {
  const first = containersOf(template).find(({ isInit }) => isInit);
  if (nativeSidecar || first === undefined) return [];
  const message = cni
    ? "init containers run before a plain sidecar: what they send is redirected to where nobody listens yet"
    : "init containers run before a plain sidecar, outside of the mesh";
  return [{ path: first.path.slice(0, -1), message }];
};

const endlessJob: Rule = ({ path, spec }, { nativeSidecar, adminPort }) => {
  const policy = spec["restartPolicy"];
  if (nativeSidecar || (policy !== "Never" && policy !== "OnFailure")) return [];
  return [
    {
      path: [...path, "spec", "restartPolicy"],
      message: `a plain sidecar does not end with the application: let that POST to http://127.0.0.1:${adminPort}/shutdown at its end`,
    },
  ];
};

const misplacedLabel: Rule = (template) =>
  INJECT_LABEL in textEntries(template, "annotations")
    ? [
        {
          path: [...template.path, "metadata", "annotations", INJECT_LABEL],
          message: `the annotation ${INJECT_LABEL} says nothing: it has to be a label`,
        },
      ]
    : [];

const RULES: readonly Rule[] = [
  udpPorts,
  noToken,
  probesOfSidecarPorts,
  refusedByStrict,
  sidecarsUser,
  nodesDns,
  initBeforeSidecar,
  endlessJob,
  misplacedLabel,
];
