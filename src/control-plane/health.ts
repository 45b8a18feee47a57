import type { HealthHandlers } from "../../generated/mesh/api/v1/Health.js";
import type { ConnectedProxy } from "../catalog/index.js";
import { loadApi, timestamp } from "../proto/index.js";
import type { ApiContext } from "./api.js";
import type { GrpcService } from "./grpc-service.js";

/** mesh.api.v1.Health: that the control plane is there, and what it could not take. */
export function healthService(context: ApiContext): GrpcService {
  const { catalog } = context;
  const implementation: HealthHandlers = {
    Check(_call, respond) {
      respond(null, {
        version: context.version,
        startedAt: timestamp(context.startedAt),
        connectedProxies: context.connectedProxies(),
        problems: [
          ...catalog.problems.list(),
          ...catalog.permissionWarnings(),
          ...catalog.policies.warnings(),
        ],
        now: timestamp(new Date()),
        proxyVersions: versionsOf(catalog.proxies),
        withoutEffect: catalog.policies.withoutEffect(),
      });
    },
  };
  return { definition: loadApi().mesh.api.v1.Health.service, implementation };
}

function versionsOf(proxies: Iterable<ConnectedProxy>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { version } of proxies) counts.set(version, (counts.get(version) ?? 0) + 1);
  return Object.fromEntries(counts);
}
