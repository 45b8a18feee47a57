import type { Catalog } from "../catalog/index.js";
import type { TrafficSource } from "../metrics/index.js";
import type { GrpcService } from "./grpc-service.js";
import type { DefaultPermission } from "./inbound-policy.js";
import type { Log } from "./log.js";
import { authService } from "./auth.js";
import { healthService } from "./health.js";
import { identityApi, type IdentityContext } from "./identity-api.js";
import { resourcesService } from "./resources.js";
import { statService } from "./stat.js";
import { tapService } from "./tap.js";

/** What the services of the API work on. */
export interface ApiContext {
  catalog: Catalog;
  traffic: TrafficSource;
  log: Log;
  /** What becomes of what no permission is for. */
  defaultPermission: DefaultPermission;
  /** The version of the control plane. */
  version: string;
  startedAt: Date;
  /** How many proxies have an open discovery stream. */
  connectedProxies: () => number;
  /** Where somebody certifies proxies. */
  identity?: IdentityContext;
}

/** The services for the commands and the dashboard (mesh.api.v1). */
export function apiServices(context: ApiContext): GrpcService[] {
  return [
    healthService(context),
    identityApi(context),
    resourcesService(context),
    statService(context.catalog, context.traffic),
    tapService(context.catalog, context.identity?.root),
    authService(context.catalog, context.traffic, context.defaultPermission),
  ];
}
