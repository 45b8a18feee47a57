import { describe, expect, it } from "vitest";
import { container, environment, find, injected, pod } from "../../test/inject/planned-pods.js";
import type { Json } from "../manifest/index.js";

describe("probes of the kubelet", () => {
  it("are told to the sidecar, which lets these requests through", () => {
    const web = container({
      ports: [{ name: "http", containerPort: 8080 }],
      livenessProbe: { httpGet: { port: "http", path: "/live?of=a,b c#never-sent" } },
      readinessProbe: { grpc: { port: 9000, service: "web" } },
      startupProbe: { httpGet: { port: 8080 } },
      lifecycle: { preStop: { httpGet: { port: 8080, path: "/stop" } } },
    });
    const other = container({
      name: "other",
      livenessProbe: { tcpSocket: { port: 3306 } },
      readinessProbe: { httpGet: { port: 3307, host: "127.0.0.1" } },
      startupProbe: { httpGet: { port: 8443, scheme: "HTTPS" } },
    });
    const third = container({
      name: "third",
      livenessProbe: { httpGet: { port: 8081, path: "healthz" } },
      readinessProbe: { httpGet: { port: 8081, path: "/healthz" } },
      startupProbe: { exec: { command: ["true"] } },
    });
    const probes = (containers: Json[]) => environment(injected(pod({ containers })))["MESH_PROXY_PROBES"];
    expect(probes([web, other, third])).toBe("8080:/live?of=a%2Cb%20c,9000:grpc,8080:/,8081:/healthz");
    expect(probes([other])).toBeUndefined();
  });

  it("by connecting are left to who listens: nothing is redirected there meanwhile", () => {
    const web = container({
      ports: [{ name: "http", containerPort: 8080 }],
      livenessProbe: { tcpSocket: { port: "http" } },
      readinessProbe: { httpGet: { port: 9000 } },
      startupProbe: { tcpSocket: { port: 8080 } },
    });
    const other = container({
      name: "other",
      livenessProbe: { tcpSocket: { port: 3306 } },
      readinessProbe: { tcpSocket: { port: 3307, host: "127.0.0.1" } },
      startupProbe: { tcpSocket: { port: "unheard-of" } },
    });
    const probed = (containers: Json[]) => {
      const { args } = find(injected(pod({ containers })), "initContainers", "mesh-init");
      return (args as string[]).filter((flag) => flag.startsWith("--probed-ports"));
    };
    expect(probed([web, other])).toEqual(["--probed-ports=3306,8080"]);
    expect(probed([container({ readinessProbe: { httpGet: { port: 80 } } })])).toEqual([]);
  });
});
