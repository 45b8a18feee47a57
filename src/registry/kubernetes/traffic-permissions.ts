import type { Catalog } from "../../catalog/index.js";
import type { JsonObject } from "../../manifest/index.js";
import { mistakesIn } from "../../mesh-kinds/index.js";
import type { TrafficPermission } from "./kinds.js";

/** Puts permissions into the catalog. One that says what it cannot mean is a problem, and stands as it last was right. */
export class TrafficPermissions {
  constructor(private readonly catalog: Catalog) {}

  put(key: string, { metadata: { namespace = "", name }, spec }: TrafficPermission): void {
    const origin = originOf(key);
    const mistakes = mistakesIn("TrafficPermission", spec as unknown as JsonObject);
    this.catalog.problems.report(
      origin.source,
      mistakes.map(({ field, message }) => ({ ...origin, message: `${field}: ${message}` })),
    );
    if (mistakes.length === 0) this.catalog.putPermission({ namespace, name, spec, origin });
  }

  remove(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    this.catalog.problems.report(originOf(key).source, []);
    this.catalog.removePermission(namespace, name);
  }
}

const originOf = (key: string) => ({ source: `trafficpermission ${key}`, line: 0 });
