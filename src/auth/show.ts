import type { AuthResponse__Output } from "../../generated/mesh/api/v1/AuthResponse.js";
import type { ControlPlaneClient } from "../client/index.js";
import { formatDuration, formatJson, loadYaml, type Printer } from "../output/index.js";
import { duration } from "../proto/index.js";
import { type ResourceReference, selectorOf } from "../resource-type/index.js";
import { authAsJson } from "./json.js";
import { type AuthTableOptions, formatDecisions, formatPermissions } from "./table.js";

/** What `mesh auth` was asked, and how it is to be shown. */
export interface AuthQuestion {
  resource: ResourceReference;
  /** Undefined for every namespace. */
  namespace: string | undefined;
  windowSeconds: number;
  output: "table" | "wide" | "json" | "yaml";
}

/** Shows who may call and who did: tables on standard output, what is to be known of them on standard error. */
export async function showAuth(
  client: ControlPlaneClient,
  question: AuthQuestion,
  printer: Printer,
): Promise<void> {
  const { resource, namespace, windowSeconds, output } = question;
  const response = await client.auth({
    selector: selectorOf(resource, namespace),
    window: duration(windowSeconds),
  });
  if (output === "json") printer.print(formatJson(authAsJson(response, windowSeconds)));
  else if (output === "yaml") printer.print((await loadYaml())(authAsJson(response, windowSeconds)));
  else showTables(response, question, printer);
}

function showTables(
  { resources, notes }: AuthResponse__Output,
  { namespace, windowSeconds, output }: AuthQuestion,
  printer: Printer,
): void {
  const options: AuthTableOptions = {
    wide: output === "wide",
    namespaces: namespace === undefined,
    colours: printer.colours,
  };
  printer.print(formatPermissions(resources, options));
  const within = `in the last ${formatDuration(windowSeconds)}`;
  if (resources.some(({ decisions }) => decisions.length > 0)) {
    printer.print(`\ncallers ${within}:\n${formatDecisions(resources, options)}`);
  } else printer.note(whyNobody(resources, within));
  const warnings = resources.flatMap(({ permissions }) =>
    permissions.flatMap(({ permission, warnings: own }) =>
      own.map((warning) => `${permission?.namespace ?? ""}/${permission?.name ?? ""}: ${warning}`),
    ),
  );
  for (const note of new Set([...warnings, ...notes])) printer.note(note);
}

/** Where nothing restricts callers, proxies count none. */
function whyNobody(resources: AuthResponse__Output["resources"], within: string): string {
  const isHeld = resources.some(
    ({ permissions, defaultAction }) => permissions.length > 0 || defaultAction === "DENY",
  );
  return isHeld ? `nobody called ${within}` : "anybody may call, and callers are not counted";
}
