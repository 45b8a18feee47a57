import type { Layer } from "../inject/index.js";
import { imageOf } from "./objects/containers.js";
import type { Installation } from "./installation.js";

/** The sidecar's options as an installation's values have them: what counts for a pod whose annotations say nothing. */
export function sidecarOptions(installation: Pick<Installation, "values" | "version">): Layer {
  const { proxy, images } = installation.values;
  const { requests, limits } = proxy.resources;
  const options: readonly (readonly [option: string, value: string, path: string])[] = [
    ["proxy-image", imageOf("mesh-proxy", installation), "images.proxy"],
    ["init-image", imageOf("mesh-init", installation), "images.init"],
    ["image-pull-policy", images.pullPolicy, "images.pullPolicy"],
    ["native-sidecar", String(proxy.nativeSidecar), "proxy.nativeSidecar"],
    ["cni", String(proxy.cni), "proxy.cni"],
    ["wait-for-ready", String(proxy.waitForReady), "proxy.waitForReady"],
    ["skip-inbound-ports", proxy.skipInboundPorts.join(","), "proxy.skipInboundPorts"],
    ["skip-outbound-ports", proxy.skipOutboundPorts.join(","), "proxy.skipOutboundPorts"],
    ["skip-subnets", proxy.skipSubnets.join(","), "proxy.skipSubnets"],
    ["opaque-ports", proxy.opaquePorts.join(","), "proxy.opaquePorts"],
    ["inbound-tls", proxy.inboundTls, "proxy.inboundTls"],
    ["log-level", proxy.logLevel, "proxy.logLevel"],
    ["log-format", proxy.logFormat, "proxy.logFormat"],
    ["workers", String(proxy.workers), "proxy.workers"],
    ["cpu-request", String(requests.cpu), "proxy.resources.requests.cpu"],
    ["cpu-limit", String(limits.cpu), "proxy.resources.limits.cpu"],
    ["memory-request", String(requests.memory), "proxy.resources.requests.memory"],
    ["memory-limit", String(limits.memory), "proxy.resources.limits.memory"],
    ["proxy-uid", String(proxy.uid), "proxy.uid"],
  ];
  const paths = new Map(options.map(([option, , path]) => [option, path]));
  return {
    given: Object.fromEntries(options.map(([option, value]) => [option, value])),
    call: (option) => paths.get(option) ?? option,
  };
}
