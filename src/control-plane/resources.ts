import type { ResourcesHandlers } from "../../generated/mesh/api/v1/Resources.js";
import { loadApi } from "../proto/index.js";
import type { ApiContext } from "./api.js";
import type { GrpcService } from "./grpc-service.js";

/** mesh.api.v1.Resources: the names of what can be asked for. */
export function resourcesService({ catalog }: ApiContext): GrpcService {
  const implementation: ResourcesHandlers = {
    List(call, respond) {
      const selector = call.request.selector ?? { type: "", namespace: "", name: "" };
      respond(null, { resources: catalog.resources(selector) });
    },
  };
  return { definition: loadApi().mesh.api.v1.Resources.service, implementation };
}
