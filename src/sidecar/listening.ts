/** Where a running sidecar really listens; each address:port. */
export interface SidecarAddresses {
  /** The first of several; absent when it takes no outbound traffic. */
  outbound?: string;
  /** One for each inbound setting, in their order. */
  inbound: string[];
  admin: string;
  tap: string;
}

/** The addresses in the line `listening` of a proxy's JSON log; undefined for any other line. */
export function sidecarAddresses(line: string): SidecarAddresses | undefined {
  const fields = jsonObject(line);
  if (fields?.["message"] !== "listening") return undefined;
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
  const [outbound = "off"] = text("outbound").split(",");
  const inbound = text("inbound").split(",").filter(Boolean);
  return {
    ...(outbound !== "off" && { outbound }),
    inbound: inbound.map((pair) => pair.split("=", 1).join("")),
    admin: text("admin"),
    tap: text("tap"),
  };
}

function jsonObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
