import { expect, it } from "vitest";
import { flagContext } from "./index.js";

it.each([
  [{ "memory-limit": "10Mb" }, '--memory-limit: "10Mb" is not bytes with one of the suffixes'],
  [{ "memory-request": "1Gi" }, "--memory-request: 1Gi is more than memory-limit, which is 128Mi"],
  [{ "cpu-limit": "1m" }, "--cpu-limit: 1m is less than cpu-request, which is 10m"],
  [{ "cpu-limit": "0" }, '--cpu-limit: "0" is not cores'],
  [{ workers: "0" }, '--workers: "0" is not a whole number from 1 to 256'],
  [{ "proxy-uid": "0" }, '--proxy-uid: "0" is not a whole number from 1'],
  [{ "skip-inbound-ports": "80,0" }, '--skip-inbound-ports: "80,0" is not a list of ports'],
  [{ "skip-outbound-ports": "90-80" }, "--skip-outbound-ports: "],
  [{ "opaque-ports": "70000" }, "--opaque-ports: "],
  [{ "skip-subnets": "10.1.2.3/8" }, "--skip-subnets: "],
  [{ "skip-subnets": "10.0.0.0/33" }, "--skip-subnets: "],
  [{ "skip-subnets": "fd00::1/8" }, "--skip-subnets: "],
  [{ "control-plane": "host" }, '--control-plane: "host" is not HOST:PORT'],
  [{ "control-plane": "::1:80" }, "--control-plane: "],
  [{ "proxy-image": "No Image" }, "--proxy-image: "],
  [{ "proxy-image": "ghcr.io/Acme/mesh-proxy" }, "did you mean ghcr.io/acme/mesh-proxy?"],
  [{ "log-level": "INFO" }, "did you mean info?"],
  [{ "inbound-port": "4140" }, "--inbound-port: port 4140 is that of outbound-port"],
])("%j is wrong usage", (given, message) => {
  let failure: unknown;
  try {
    flagContext({ given, podTemplatePaths: [], version: "1" });
  } catch (error) {
    failure = error;
  }
  expect(failure).toMatchObject({ exitStatus: 2, message: expect.stringContaining(message) as string });
});

it.each([
  { "skip-subnets": "10.0.0.0/8, fd00::/8,::/0,192.168.1.1,2001:db8:0:1::/64,::ffff:10.0.0.0/104" },
  { "skip-inbound-ports": "" },
  { "cpu-limit": "0.5", "memory-limit": "1.5Gi" },
  { "control-plane": "[fd00::1]:80" },
  { "proxy-image": "localhost:5000/a/b_c@sha256:" + "0".repeat(64), "init-image": "mesh-init" },
])("%j can be meant", (given) => {
  expect(() => flagContext({ given, podTemplatePaths: [], version: "1" })).not.toThrow();
});

it("refuses a kind without its path", () => {
  expect(() => flagContext({ given: {}, podTemplatePaths: ["Fleet"], version: "1" })).toThrow(
    '--pod-template-path: "Fleet" is not GROUP/KIND=PATH',
  );
});
