import { describe, expect, it } from "vitest";
import { Failure } from "../output/index.js";
import { sidecarEnvironment } from "./index.js";

describe("the environment of a sidecar", () => {
  it("has a variable for each setting that was given", () => {
    expect(
      sidecarEnvironment({
        name: "world-1",
        namespace: "demo",
        workload: "deploy/world",
        controlPlane: "mesh.example:8086",
        outbound: "off",
        inbound: ["10000=127.0.0.1:9000", "[::1]:0=9001", "4143=original"],
        admin: "0",
        tap: "[::1]:4190",
        workers: "2",
        maxConnections: "500",
        opaquePorts: "25,8000-8100",
        inboundTls: "strict",
        logLevel: "warn",
        logFormat: "json",
      }),
    ).toEqual({
      MESH_PROXY_NAME: "world-1",
      MESH_PROXY_NAMESPACE: "demo",
      MESH_PROXY_WORKLOAD: "deployment/world",
      MESH_PROXY_CONTROL_PLANE: "mesh.example:8086",
      MESH_PROXY_OUTBOUND: "off",
      MESH_PROXY_INBOUND: "10000=127.0.0.1:9000,[::1]:0=9001,4143=original",
      MESH_PROXY_ADMIN: "0",
      MESH_PROXY_TAP: "[::1]:4190",
      MESH_PROXY_WORKERS: "2",
      MESH_PROXY_MAX_CONNECTIONS: "500",
      MESH_PROXY_OPAQUE_PORTS: "25,8000-8100",
      MESH_PROXY_INBOUND_TLS: "strict",
      MESH_PROXY_LOG: "warn",
      MESH_PROXY_LOG_FORMAT: "json",
    });
    expect(sidecarEnvironment({})).toEqual({});
  });

  it.each([
    ["--name", { name: "a b" }],
    ["--workload", { workload: "deploy/" }],
    ["--workload", { workload: "pod/x" }],
    ["--workload", { workload: "a/b/c" }],
    ["--control-plane", { controlPlane: "localhost" }],
    ["--control-plane", { controlPlane: "http://localhost:1" }],
    ["--control-plane", { controlPlane: "::1:80" }],
    ["--control-plane", { controlPlane: "localhost:0" }],
    ["--outbound", { outbound: "70000" }],
    ["--outbound", { outbound: "localhost:1" }],
    ["--inbound", { inbound: ["10000=9000", "10000"] }],
    ["--outbound", { outbound: "4140,off" }],
    ["--opaque-ports", { opaquePorts: "0" }],
    ["--opaque-ports", { opaquePorts: "9-8" }],
    ["--opaque-ports", { opaquePorts: "80,x" }],
    ["--inbound", { inbound: ["10000=0"] }],
    ["--inbound-tls", { inboundTls: "none" }],
    ["--inbound", { inbound: ["10000=127.0.0.1:0"] }],
    ["--admin", { admin: "off" }],
    ["--tap", { tap: "" }],
    ["--workers", { workers: "0" }],
    ["--workers", { workers: "257" }],
    ["--max-connections", { maxConnections: "0" }],
    ["--max-connections", { maxConnections: "1000001" }],
    ["--trust-roots", { trustRoots: "/nowhere/ca.crt" }],
    ["--trust-roots", { trustRoots: "/" }],
    ["--token-file", { tokenFile: "/" }],
    ["--log-level", { logLevel: "loud" }],
    ["--log-format", { logFormat: "xml" }],
  ])("a wrong value names %s: %j", (flag, settings) => {
    const attempt = () => sidecarEnvironment(settings);
    expect(attempt).toThrow(Failure);
    expect(attempt).toThrow(flag);
  });
});
