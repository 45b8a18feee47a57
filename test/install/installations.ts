// Installations in the shapes that tests look at.
import { type Installation, readInstallation, render } from "../../src/install/index.js";
import type { JsonObject } from "../../src/manifest/index.js";

export const VERSION = "1.2.3";

/** Values as a user would give them with --set, by the name of the shape. */
export const SHAPES: Readonly<Record<string, readonly string[]>> = {
  default: [],
  ha: ["ha=true"],
  minimal: ["prometheus.enabled=false", "networkPolicies.enabled=false"],
  "with everything": [
    "ha=true",
    "nodeSelector.example\\.com/pool=mesh",
    "tolerations[0].key=dedicated",
    "tolerations[0].operator=Exists",
    "images.pullSecrets=registry",
    `images.proxy.digest=sha256:${"0".repeat(64)}`,
    "identity.issuer.secretName=own-issuer",
    "proxy.nativeSidecar=false",
    "proxy.skipInboundPorts=25,8000-8100",
    "prometheus.enabled=false",
    "prometheus.url=https://prometheus.example.com/path",
    "webhook.resources.limits.memory=",
  ],
};

/** What is installed with these values. */
export function installation(sets: readonly string[]): Installation {
  const read = readInstallation({ flags: {}, files: [], sets }, VERSION);
  if (!read.ok) throw new Error(read.error.join("\n"));
  return read.value;
}

/** Objects of a shape, as kubectl gets them. */
export const objectsOf = (shape: string): RenderedObject[] =>
  render(installation(SHAPES[shape] ?? [])) as RenderedObject[];

/** An object with what every object has. */
export interface RenderedObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** The one object of this kind and name. */
export function find(objects: readonly RenderedObject[], kind: string, name: string): RenderedObject {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} of ${kind}/${name}`);
  return found[0];
}
