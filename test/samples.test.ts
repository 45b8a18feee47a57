// What every manifest of samples/ has; that they work is tried on a cluster.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

interface Container {
  readonly image: string;
  readonly args: readonly [string];
  readonly resources: object;
  readonly securityContext: object;
}

const folder = new URL("../samples/", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const MANIFESTS = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".yaml"),
);

/** Every container in an object, wherever its pod template is. */
function containersIn(value: unknown): Container[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, within]) =>
    key === "containers" ? (within as Container[]) : containersIn(within),
  );
}

test.each(MANIFESTS)(
  "%s names the image of this version, programs that are there, and what they need",
  (path) => {
    const documents = parseAllDocuments(readFileSync(new URL(path, folder), "utf8"));
    const containers = documents.flatMap((document) => containersIn(document.toJS()));
    expect(containers.length).toBeGreaterThan(2);
    for (const { image, args, resources, securityContext } of containers) {
      expect(image).toBe(`registry.mesh.dev/mesh-samples:${version}`);
      expect(existsSync(new URL(args[0].replace(/\.js$/, ".ts"), folder)), args[0]).toBe(true);
      expect(resources).toMatchObject({
        requests: { cpu: expect.any(String) as string, memory: expect.any(String) as string },
        limits: { memory: expect.any(String) as string },
      });
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
      });
    }
  },
);
