import { credentials } from "@grpc/grpc-js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { loadApi } from "../proto/index.js";
import { startControlPlane, startRoles, type ControlPlaneOptions } from "./index.js";

const directory = mkdtempSync(join(tmpdir(), "mesh-"));
afterAll(() => rmSync(directory, { recursive: true }));

const options = (): ControlPlaneOptions => ({
  source: { directory },
  listen: "127.0.0.1:0",
  apiListen: "127.0.0.1:0",
  version: "1.2.3",
  logFormat: "text",
  writeLog: () => undefined,
});

test("answers on the API with its version, and ends when it is stopped", async () => {
  const started = await startControlPlane(options());
  if (!started.ok) throw started.error;
  const client = new (loadApi().mesh.api.v1.Health)(started.value.apiAddress, credentials.createInsecure());
  const answer = await new Promise((resolve, reject) =>
    client.Check({}, (error, response) => (error ? reject(error) : resolve(response))),
  );
  expect(answer).toMatchObject({
    version: "1.2.3",
    connectedProxies: 0,
    problems: [],
    proxyVersions: {},
    withoutEffect: [],
  });
  const { now } = answer as { now: { seconds: unknown } };
  expect(Math.abs(Number(now.seconds) - Date.now() / 1000)).toBeLessThan(60);
  await started.value.stop();
  client.close();
});

test("what nothing acts on is told in the log, all of it in one line", async () => {
  const files = mkdtempSync(join(tmpdir(), "mesh-"));
  const write = (name: string) =>
    writeFileSync(
      join(files, `${name}.yaml`),
      `apiVersion: mesh.dev/v1alpha1\nkind: ExternalService\nmetadata: { name: ${name} }\nspec: { hosts: [a.test], ports: [{ port: 1 }] }\n`,
    );
  write("one");
  write("two");
  let log = "";
  const started = await startControlPlane({
    ...options(),
    source: { directory: files },
    writeLog: (line) => (log += line),
  });
  if (!started.ok) throw started.error;
  const told = () => log.split("\n").flatMap((line) => / warn {2}(.*no effect.*)/.exec(line)?.[1] ?? []);
  const first =
    "2 ExternalServices have no effect in this version: ExternalService default/one, ExternalService default/two";
  await vi.waitFor(() => expect(told()).toEqual([first]), { timeout: 60_000 });
  rmSync(join(files, "one.yaml"));
  const second = "1 ExternalService has no effect in this version: ExternalService default/two";
  await vi.waitFor(() => expect(told()).toEqual([first, second]), { timeout: 60_000 });
  await started.value.stop();
  rmSync(files, { recursive: true });
});

test("a port in use is named with the flag that changes it", async () => {
  const first = await startControlPlane(options());
  if (!first.ok) throw first.error;
  const { apiAddress, discoveryAddress } = first.value;
  const second = await Promise.all([
    startControlPlane({ ...options(), apiListen: apiAddress }),
    startControlPlane({ ...options(), listen: discoveryAddress }),
    startRoles({ adminListen: discoveryAddress }, options()),
  ]);
  await first.value.stop();
  const refusal = (address: string, flag: string) => ({
    ok: false,
    error: {
      message: `port ${address.slice(address.lastIndexOf(":") + 1)} is in use (${address})`,
      hint: expect.stringContaining(flag) as string,
      exitStatus: 1,
    },
  });
  expect(second).toMatchObject([
    refusal(apiAddress, "--api-listen"),
    refusal(discoveryAddress, "--listen"),
    refusal(discoveryAddress, "--admin-listen"),
  ]);
});

test.each(["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])("the API is not served on %s", async (apiListen) => {
  const started = await startControlPlane({ ...options(), apiListen });
  expect(started).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining("loopback only") as string, exitStatus: 2 },
  });
});

test.each(["8086", "localhost", "127.0.0.1:99999", "http://127.0.0.1:80"])(
  "--listen %s is refused as no HOST:PORT",
  async (listen) => {
    const started = await startControlPlane({ ...options(), listen });
    expect(started).toMatchObject({
      ok: false,
      error: { message: `--listen ${listen}: expected HOST:PORT`, exitStatus: 2 },
    });
  },
);
