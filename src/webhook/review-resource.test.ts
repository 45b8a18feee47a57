import { expect, it } from "vitest";
import type { Json } from "../manifest/index.js";
import { validateResource } from "./review-resource.js";

const resource = (kind: string, spec: Json) => ({
  apiVersion: "mesh.dev/v1alpha1",
  kind,
  metadata: {},
  spec,
});

it.each<[kind: string, spec: Json, message: string]>([
  [
    "TrafficPermission",
    { from: [{ cidrs: ["10.0.0.0/8", "10.0.0.0/40"] }] },
    'spec.from[0].cidrs[1]: "10.0.0.0/40" has a prefix longer than 32 bits',
  ],
  [
    "TrafficPermission",
    { from: [{ cidrs: ["10.0.0/8"] }] },
    'spec.from[0].cidrs[0]: "10.0.0/8" is no network',
  ],
  [
    "TrafficPermission",
    { targetRefs: [{ group: "", kind: "Deployment", name: "web" }] },
    'spec.targetRefs[0].group: a Deployment is of group "apps", not ""',
  ],
  [
    "TrafficPermission",
    { targetRefs: [{ group: "apps", kind: "Deploymnet", name: "web" }] },
    'spec.targetRefs[0].kind: "Deploymnet" is no kind of workload; did you mean Deployment?',
  ],
  [
    "TrafficPermission",
    { from: [{ workloads: [{ kind: "Service", name: "web" }] }] },
    'spec.from[0].workloads[0].kind: "Service" is no kind of workload',
  ],
  [
    "TrafficPermission",
    { from: [{ identities: ["spiffe:///ns/a"] }] },
    'spec.from[0].identities[0]: "spiffe:///ns/a" has no trust domain after spiffe://',
  ],
  [
    "TrafficPermission",
    { from: [{ identities: ["spiffe://a/*/sa/b"] }] },
    'spec.from[0].identities[0]: "spiffe://a/*/sa/b" is no SPIFFE identity; "*" stands only at its end',
  ],
  [
    "TrafficPermission",
    { from: [{ namespaces: ["a"], unauthenticated: true }] },
    "spec.from[0].unauthenticated: a caller without an identity is in none of namespaces: the entry matches nobody",
  ],
  [
    "ServicePolicy",
    { targetRefs: [{ group: "apps", kind: "Deployment", name: "web" }] },
    'spec.targetRefs[0]: a policy is for a Service (group "") or an ExternalService (group mesh.dev)',
  ],
  [
    "ServicePolicy",
    { balancing: { header: "x-user" } },
    "spec.balancing: HashHeader needs a header, and nothing else takes one",
  ],
  [
    "ExternalService",
    { hosts: ["a.test"], ports: [{ port: 80 }, { port: 80 }] },
    "spec.ports[1].port: 80 is there already",
  ],
  [
    "ServicePolicy",
    { timeouts: { request: "1m", attempt: "90s" } },
    "spec.timeouts.attempt: 90s is longer than request, which is 1m",
  ],
  [
    "ServicePolicy",
    { circuitBreaking: { minEjection: "1h", maxEjection: "59m59s" } },
    "spec.circuitBreaking.minEjection: 1h is longer than maxEjection, which is 59m59s",
  ],
  [
    "ServicePolicy",
    { faults: { percent: 5 } },
    "spec.faults: give delay, status or both: percent alone makes no failure",
  ],
  [
    "ExternalService",
    { hosts: ["a.test", "*.b.test"], ports: [{ port: 443 }] },
    "spec.hosts[1]: *.b.test stands for many names, which DNS cannot resolve at once; give spec.endpoints",
  ],
  [
    "ExternalService",
    { hosts: ["a.test"], ports: [{ port: 443, protocol: "TLS", tls: true }] },
    "spec.ports[0].tls: the application speaks TLS there itself (protocol: TLS), and would speak it within another",
  ],
  [
    "ExternalService",
    { hosts: ["a.test"], endpoints: [{ address: "10.0.0.1:80" }] },
    'spec.endpoints[0].address: "10.0.0.1:80" is neither an IP address nor a host name; the port has a field of its own',
  ],
  ["Workload", { address: "10.0.0" }, 'spec.address: "10.0.0" is neither an IP address nor a host name'],
  [
    "Workload",
    { address: "127.0.0.1" },
    'spec.address: "127.0.0.1" is a loopback, link-local or multicast address, which is nobody\'s in a cluster',
  ],
])("%s %j is refused", (kind, spec, message) => {
  expect(validateResource(resource(kind, spec))).toEqual({ allowed: false, message });
});

it.each<[kind: string, spec: Json]>([
  ["TrafficPermission", { action: "DENY" }],
  [
    "TrafficPermission",
    {
      from: [
        {
          cidrs: ["::/0", "10.1.0.0/16"],
          identities: ["spiffe://mesh.test/ns/shop/*", "spiffe://mesh.test/ns/a/sa/b"],
        },
      ],
    },
  ],
  [
    "TrafficPermission",
    {
      targetRefs: [
        { group: "apps", kind: "Deployment", name: "web" },
        { group: "", kind: "Pod", name: "p" },
      ],
    },
  ],
  ["ServicePolicy", { timeouts: { request: "90s", attempt: "1m" }, faults: { percent: 5, status: 503 } }],
  [
    "ExternalService",
    { hosts: ["*.b.test"], endpoints: [{ address: "2001:db8::1" }, { address: "b.test" }] },
  ],
  ["Workload", { address: "10.0.0.1" }],
  ["SomethingNew", { anything: true }],
])("%s %j is taken", (kind, spec) => {
  expect(validateResource(resource(kind, spec))).toEqual({ allowed: true });
});

it("several mistakes are told at once", () => {
  const spec = { from: [{ cidrs: ["a/1", "b/2"] }] };
  expect(validateResource(resource("TrafficPermission", spec)).message).toBe(
    'spec.from[0].cidrs[0]: "a/1" is no network; spec.from[0].cidrs[1]: "b/2" is no network',
  );
});

it.each<Json>([
  null,
  "text",
  [],
  {},
  { kind: "Workload" },
  { kind: "Workload", spec: 3 },
  { kind: "TrafficPermission", spec: { from: "all", targetRefs: [1] } },
])("%j, which the schemas refuse, is left to them", (object) =>
  expect(validateResource(object)).toEqual({ allowed: true }),
);
