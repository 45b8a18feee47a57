import type { HealthHandlers } from "../../generated/mesh/api/v1/Health.js";
import { loadApi } from "../proto/index.js";
import type { ApiContext } from "./api.js";
import type { GrpcService } from "./grpc-service.js";

/** mesh.api.v1.Health: that the control plane is there, and what it could not take. */
export function healthService(context: ApiContext): GrpcService {
  const implementation: HealthHandlers = {
    Check(_call, respond) {
      respond(null, {
        version: context.version,
        startedAt: {
          seconds: Math.floor(context.startedAt.getTime() / 1000),
          nanos: context.startedAt.getMilliseconds() * 1_000_000,
        },
        connectedProxies: context.connectedProxies(),
        problems: context.catalog.problems.list(),
      });
    },
  };
  return { definition: loadApi().mesh.api.v1.Health.service, implementation };
}
