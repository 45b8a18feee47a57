import { Flags, type Interfaces } from "@oclif/core";
import type { Part, ValueSources } from "../install/index.js";

/** The flags of the commands that print an installation: its values, and which objects of it in which form. */
export const INSTALL_FLAGS = {
  values: Flags.string({
    char: "f",
    helpValue: "FILE",
    multiple: true,
    multipleNonGreedy: true,
    description: "A YAML file of values. Of several, the later wins.",
  }),
  set: Flags.string({
    helpValue: "PATH=VALUE",
    multiple: true,
    multipleNonGreedy: true,
    description:
      "One value, as in controlPlane.replicas=2. Wins over files and flags; null means the default.",
  }),
  ha: Flags.boolean({
    description: "High availability: three replicas, autoscaling, no pod without its sidecar.",
  }),
  registry: Flags.string({
    helpValue: "HOST/PATH",
    description: "Where the mesh's images come from; images.registry as a flag.",
  }),
  "no-prometheus": Flags.boolean({ description: "Install no Prometheus." }),
  "prometheus-url": Flags.string({
    helpValue: "URL",
    description: "A Prometheus that is there already; none is installed.",
  }),
  "no-grafana": Flags.boolean({ description: "Install no Grafana." }),
  "crds-only": Flags.boolean({
    exclusive: ["skip-crds"],
    description: "Only the CustomResourceDefinitions.",
  }),
  "skip-crds": Flags.boolean({ description: "Everything but the CustomResourceDefinitions." }),
  "show-values": Flags.boolean({ description: "Print the values instead, with what each is for." }),
  output: Flags.option({
    char: "o",
    options: ["yaml", "json"] as const,
    default: "yaml" as const,
    description: "How the objects are printed.",
  })(),
};

type InstallFlags = Interfaces.InferredFlags<typeof INSTALL_FLAGS>;

/** Where the flags say that values come from. */
export function valueSources(flags: InstallFlags): ValueSources {
  const url = flags["prometheus-url"];
  const prometheus = {
    ...((flags["no-prometheus"] || url !== undefined) && { enabled: false }),
    ...(url !== undefined && { url }),
  };
  return {
    files: flags.values ?? [],
    sets: flags.set ?? [],
    flags: {
      ...(flags.ha && { ha: true }),
      ...(flags.registry !== undefined && { images: { registry: flags.registry } }),
      ...(Object.keys(prometheus).length > 0 && { prometheus }),
      ...(flags["no-grafana"] && { grafana: { enabled: false } }),
    },
  };
}

/** Which objects the flags ask for. */
export function installedPart(flags: InstallFlags): Part {
  if (flags["crds-only"]) return "crds";
  return flags["skip-crds"] ? "without-crds" : "all";
}
