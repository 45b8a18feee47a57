// A directory of files that a registry reads into a catalog.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { vi } from "vitest";
import { Catalog, formatAddress } from "../src/catalog/index.js";
import { type DirectoryRegistry, startDirectoryRegistry } from "../src/registry/directory/index.js";

/** Files that tests change as they like. */
export class RegisteredDirectory {
  readonly catalog = new Catalog();
  /** Every endpoint that ever went away, to catch what comes back before anybody looks. */
  readonly gone: string[] = [];
  readonly #started: DirectoryRegistry[] = [];

  private constructor(readonly root: string) {}

  /** An empty one, with a folder `disco`. */
  static async create(): Promise<RegisteredDirectory> {
    const root = join(await mkdtemp(join(tmpdir(), "mesh-")), "conf");
    await mkdir(join(root, "disco"), { recursive: true });
    return new RegisteredDirectory(root);
  }

  /** Begins to read it. */
  async start(): Promise<void> {
    const result = await startDirectoryRegistry(this.root, this.catalog);
    if (!result.ok) throw result.error;
    this.#started.push(result.value);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, name)), { recursive: true });
    await writeFile(join(this.root, name), text);
  }

  /** Follows an authority; the result reads the addresses of the moment, undefined when there is no such service. */
  follow(authority: string, namespace = "default"): () => string[] | undefined {
    const target = this.catalog.watch(authority, namespace, {
      replaced: () => {
        if (!target.service()) this.gone.push(authority);
      },
      changed: (before, after) => {
        if (before && !after) this.gone.push(formatAddress(before.address));
      },
    });
    return () =>
      target.service() &&
      target
        .endpoints()
        .map(({ address }) => formatAddress(address))
        .sort();
  }

  problems(): string[] {
    return this.catalog.problems
      .list()
      .map(({ source, line, message }) => `${source.slice(this.root.length + 1)}:${line}: ${message}`);
  }

  async stop(): Promise<void> {
    for (const registry of this.#started) await registry.stop();
    await rm(dirname(this.root), { recursive: true });
  }
}

export const soon = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 10 });

/** A Service that selects `app: web`. */
export const service = (name: string, ports = "[{ port: 80, targetPort: http }]") => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector: { app: web }
  ports: ${ports}
`;

/** A Workload at port 9000, which it calls `http`, with the label `app: web`. */
export const workload = (name: string, address: string, extra = "") => `apiVersion: mesh.dev/v1alpha1
kind: Workload
metadata:
  name: ${name}
  labels: { app: web }
spec:
  address: ${address}
  ports: [{ name: http, port: 9000 }]
${extra}`;
