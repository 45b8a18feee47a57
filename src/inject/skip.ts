import { isArray, isObject, type Json } from "../manifest/index.js";
import { INIT_CONTAINER, INJECT_LABEL, NO_API_TOKEN_VOLUME, PROXY_CONTAINER, TOKEN_VOLUME } from "./names.js";
import { type OptionKey, OPTIONS, type Options } from "./options.js";
import { containersOf, portsOf, textEntries } from "./pod.js";
import { describe, type PodTemplate } from "./pod-template.js";

/** Why a pod gets no sidecar whatever the options are; undefined when it may get one. */
export function reasonToSkip(template: PodTemplate): string | undefined {
  return optedOut(template) ?? otherMesh(template) ?? unfitPod(template) ?? unfitShape(template);
}

/** Why a pod cannot have a sidecar with these options; undefined when it can. */
export function reasonToSkipWith(template: PodTemplate, options: Options): string | undefined {
  return takenName(template) ?? takenPort(template, options);
}

function optedOut(template: PodTemplate): string | undefined {
  return textEntries(template, "labels")[INJECT_LABEL] === "disabled"
    ? `${INJECT_LABEL}: disabled`
    : undefined;
}

const OTHER_MESHES = [
  {
    mesh: "Linkerd",
    container: "linkerd-proxy",
    labels: {},
    annotations: { "linkerd.io/proxy-version": /./, "linkerd.io/inject": /^(enabled|ingress)$/ },
  },
  {
    mesh: "Istio",
    container: "istio-proxy",
    labels: { "sidecar.istio.io/inject": /^true$/ },
    annotations: { "sidecar.istio.io/status": /./, "sidecar.istio.io/inject": /^true$/ },
  },
] as const;

function otherMesh(template: PodTemplate): string | undefined {
  const names = containersOf(template).map(({ name }) => name);
  for (const { mesh, container, ...marks } of OTHER_MESHES) {
    if (names.includes(container)) return `already meshed by ${mesh} (container ${container})`;
    for (const of of ["labels", "annotations"] as const) {
      const entries = textEntries(template, of);
      const marked = Object.entries(marks[of]).find(([key, form]) => form.test(entries[key] ?? ""));
      if (marked) return `already meshed by ${mesh} (${of.slice(0, -1)} ${marked[0]})`;
    }
  }
  return undefined;
}

function unfitPod(template: PodTemplate): string | undefined {
  const { spec } = template;
  if (spec["hostNetwork"] === true) return "hostNetwork";
  if (isObject(spec["os"]) && spec["os"]["name"] === "windows") return "a Windows pod (os.name)";
  if (isObject(spec["nodeSelector"]) && spec["nodeSelector"]["kubernetes.io/os"] === "windows") {
    return "a Windows pod (nodeSelector)";
  }
  if (isHostProcess(spec["securityContext"])) return "a host-process pod";
  const container = containersOf(template).find(({ value }) => isHostProcess(value["securityContext"]));
  return container && `a host-process pod (container ${container.name})`;
}

function isHostProcess(context: Json | undefined): boolean {
  const windows = isObject(context) ? context["windowsOptions"] : undefined;
  return isObject(windows) && windows["hostProcess"] === true;
}

/** What is not as Kubernetes has it, where something would have to be added. */
function unfitShape({ value, spec }: PodTemplate): string | undefined {
  const { containers } = spec;
  if (!isArray(containers) || containers.length === 0) return `containers is ${describe(containers)}`;
  for (const list of ["containers", "initContainers", "volumes"] as const) {
    const items = spec[list] ?? [];
    if (!isArray(items)) return `${list} is ${describe(items)}`;
    const wrong = items.find((item) => !isObject(item));
    if (wrong !== undefined) return `an item of ${list} is ${describe(wrong)}`;
  }
  const metadata = value["metadata"] ?? {};
  if (!isObject(metadata)) return `metadata is ${describe(metadata)}`;
  for (const entries of ["labels", "annotations"]) {
    const found = metadata[entries] ?? {};
    if (!isObject(found)) return `metadata.${entries} is ${describe(found)}`;
  }
  return undefined;
}

function takenName(template: PodTemplate): string | undefined {
  const container = containersOf(template).find(
    ({ name }) => name === PROXY_CONTAINER || name === INIT_CONTAINER,
  );
  if (container) return `a container has the name ${container.name} and is not of mesh`;
  const { volumes } = template.spec;
  const taken = [TOKEN_VOLUME, NO_API_TOKEN_VOLUME].find(
    (name) => isArray(volumes) && volumes.some((volume) => isObject(volume) && volume["name"] === name),
  );
  return taken === undefined ? undefined : `a volume has the name ${taken} and is not of mesh`;
}

const PORT_OPTIONS = [
  "outboundPort",
  "inboundPort",
  "tapPort",
  "adminPort",
] as const satisfies readonly OptionKey[];

/** The option of the sidecar's port that this is; undefined when it is none. */
export function sidecarPortOption(port: number, options: Options): string | undefined {
  const key = PORT_OPTIONS.find((candidate) => options[candidate] === port);
  return key && OPTIONS[key].name;
}

function takenPort(template: PodTemplate, options: Options): string | undefined {
  for (const container of containersOf(template)) {
    for (const { number, protocol } of portsOf(container)) {
      const option = protocol === "TCP" ? sidecarPortOption(number, options) : undefined;
      if (option) return `container ${container.name} has port ${number}, which is the sidecar's ${option}`;
    }
  }
  return undefined;
}
