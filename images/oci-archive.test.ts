import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Image, packImage } from "./oci-archive.js";
import type { Entry, RootFilesystem } from "./root-filesystem.js";

const file = (text: string, executable = false): Entry => ({
  kind: "file",
  content: Buffer.from(text),
  executable,
});

const LOWER: RootFilesystem = new Map([
  ["/bin/run", file("#!/bin/sh\n", true)],
  ["/lib", { kind: "symlink", target: "usr/lib" }],
  [`/usr/lib/${"long/".repeat(40)}name`, file("deep")],
]);
const UPPER: RootFilesystem = new Map([["/data/ünï", file("text")]]);

const IMAGE: Image = {
  reference: "registry.mesh.dev/sample:1.2.3",
  architecture: "amd64",
  layers: [LOWER, UPPER],
  user: "2102:2102",
  entrypoint: ["/bin/run"],
  command: ["--port", "1"],
  environment: ["PATH=/bin"],
  labels: { "org.opencontainers.image.version": "1.2.3" },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mesh-oci-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("skopeo takes the archive for the image that it was made of", async () => {
  const { archive, digest } = await packImage(IMAGE);
  const path = join(folder, "image.tar");
  writeFileSync(path, archive);
  // By its name, as `podman load` finds it.
  const inspected = JSON.parse(skopeo("inspect", `oci-archive:${path}:${IMAGE.reference}`)) as object;
  expect(inspected).toMatchObject({
    Digest: digest,
    Labels: IMAGE.labels,
    Architecture: "amd64",
    Os: "linux",
    Env: ["PATH=/bin"],
  });
  const { config } = JSON.parse(skopeo("inspect", "--config", `oci-archive:${path}`)) as { config: object };
  expect(config).toMatchObject({
    User: "2102:2102",
    Entrypoint: ["/bin/run"],
    Cmd: ["--port", "1"],
    WorkingDir: "/",
  });
});

test("skopeo unpacks it, every digest right, and the layers hold the files", async () => {
  const path = join(folder, "copied.tar");
  writeFileSync(path, (await packImage(IMAGE)).archive);
  const copy = join(folder, "copy");
  // To Docker's format: then also the digests of the uncompressed layers are compared.
  skopeo("copy", "-q", "--insecure-policy", `oci-archive:${path}`, `docker-archive:${copy}.tar`);
  skopeo("copy", "-q", "--insecure-policy", `oci-archive:${path}`, `dir:${copy}`);
  const { layers } = JSON.parse(readFileSync(join(copy, "manifest.json"), "utf8")) as {
    layers: { digest: string }[];
  };
  const lists = layers.map(({ digest }) => {
    const layer = join(copy, digest.replace("sha256:", ""));
    return execFileSync("tar", ["-tvzf", layer, "--full-time", "--numeric-owner"], {
      encoding: "utf8",
      env: UTC,
    });
  });
  expect(lists[0]).toContain("-rwxr-xr-x 0/0              10 1970-01-01 00:00:00 bin/run");
  expect(lists[0]).toContain("lib -> usr/lib");
  expect(lists[0]).toMatch(/drwxr-xr-x 0\/0 .* usr\/lib\/\n/);
  expect(lists[0]).toMatch(/long\/name\n/);
  expect(lists[1]).toContain("data/ünï");
});

test("the same files give the same bytes, in whatever order they came", async () => {
  const once = await packImage(IMAGE);
  const again = await packImage({ ...IMAGE, layers: [new Map([...LOWER].reverse()), UPPER] });
  expect(again.digest).toBe(once.digest);
  expect(again.archive.equals(once.archive)).toBe(true);
  const other = await packImage({ ...IMAGE, layers: [LOWER] });
  expect(other.digest).not.toBe(once.digest);
});

const UTC = { PATH: process.env["PATH"], TZ: "UTC", LC_ALL: "C.UTF-8" };

function skopeo(...args: string[]): string {
  return execFileSync("skopeo", args, { encoding: "utf8" });
}
