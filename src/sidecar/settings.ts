import { type Stats, statSync } from "node:fs";
import { isIP } from "node:net";
import { Failure } from "../output/index.js";
import { parseWorkload, WORKLOAD_KINDS } from "../resource-type/index.js";

/** How a sidecar is to run, as text that a person gave. What is absent is left to the environment, then to the proxy's default. */
export interface SidecarSettings {
  /** The instance's name. */
  name?: string | undefined;
  namespace?: string | undefined;
  /** NAME or KIND/NAME; short kinds are taken. */
  workload?: string | undefined;
  /** host:port of the control plane. */
  controlPlane?: string | undefined;
  /** A list of PORT or ADDRESS:PORT, or `off`. */
  outbound?: string | undefined;
  /** LISTEN=APPLICATION, each PORT or ADDRESS:PORT, or LISTEN=original. */
  inbound?: readonly string[] | undefined;
  /** PORT or ADDRESS:PORT. */
  admin?: string | undefined;
  /** PORT or ADDRESS:PORT. */
  tap?: string | undefined;
  /** Threads, from 1 to 256. */
  workers?: string | undefined;
  /** Connections from clients, from 1 to 1,000,000. */
  maxConnections?: string | undefined;
  /** Ports and ranges of ports. */
  opaquePorts?: string | undefined;
  /** The file with the token by which the control plane believes who the proxy is. */
  tokenFile?: string | undefined;
  /** The file with the certificates of the mesh's roots; with it connections are secured. */
  trustRoots?: string | undefined;
  /** Whether others may call in plain text: permissive or strict. */
  inboundTls?: string | undefined;
  logLevel?: string | undefined;
  logFormat?: string | undefined;
}

/** How one setting is given, handed over, and what it must look like. */
interface Setting {
  flag: string;
  variable: string;
  expected: string;
  isValid: (text: string) => boolean;
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65535;

/** PORT, or PORT-PORT. */
function isPortRange(text: string): boolean {
  const [first = "", last = first, ...rest] = text.split("-");
  return (
    rest.length === 0 && isPort(first) && isPort(last) && Number(first) > 0 && Number(first) <= Number(last)
  );
}

/** PORT, or ADDRESS:PORT with an IPv6 address in brackets. */
function isAddress(text: string): boolean {
  if (isPort(text)) return true;
  const [, v6, v4 = "", port = ""] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  return isPort(port) && (v6 === undefined ? isIP(v4) === 4 : isIP(v6) === 6);
}

function isInbound(text: string): boolean {
  const [listen = "", application = "", ...rest] = text.split("=");
  if (rest.length > 0 || !isAddress(listen)) return false;
  return application === "original" || (isAddress(application) && !/(^|:)0+$/.test(application));
}

function isHostAndPort(text: string): boolean {
  const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(text) ?? [];
  return /^(\[[0-9a-f:.]+\]|[^:/@\s]+)$/i.test(host) && isPort(port) && Number(port) > 0;
}

/** Of a file that may be there only later. */
const isPath = (text: string) => text !== "" && !text.includes("\0") && !kindOf(text)?.isDirectory();

const isFile = (text: string) => kindOf(text)?.isFile() === true;

function kindOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

const SETTINGS: Readonly<Record<keyof SidecarSettings, Setting>> = {
  name: setting("--name", "NAME", "a name without slash or space", (text) => /^[^/\s]+$/.test(text)),
  namespace: setting("--namespace", "NAMESPACE", "a name without slash or space", (text) =>
    /^[^/\s]+$/.test(text),
  ),
  workload: setting(
    "--workload",
    "WORKLOAD",
    `NAME or KIND/NAME (${WORKLOAD_KINDS.join(", ")})`,
    (text) => parseWorkload(text) !== undefined,
  ),
  controlPlane: setting("--control-plane", "CONTROL_PLANE", "HOST:PORT", isHostAndPort),
  outbound: setting(
    "--outbound",
    "OUTBOUND",
    "a list of PORT or ADDRESS:PORT, or off",
    (text) => text === "off" || text.split(",").every(isAddress),
  ),
  inbound: setting(
    "--inbound",
    "INBOUND",
    "LISTEN=APPLICATION, each PORT or ADDRESS:PORT, or LISTEN=original",
    isInbound,
  ),
  admin: setting("--admin", "ADMIN", "PORT or ADDRESS:PORT", isAddress),
  tap: setting("--tap", "TAP", "PORT or ADDRESS:PORT", isAddress),
  workers: setting("--workers", "WORKERS", "a whole number from 1 to 256", isWholeNumber(256)),
  maxConnections: setting(
    "--max-connections",
    "MAX_CONNECTIONS",
    "a whole number from 1 to 1000000",
    isWholeNumber(1_000_000),
  ),
  opaquePorts: setting("--opaque-ports", "OPAQUE_PORTS", "a list of ports and ranges of ports", (text) =>
    text.split(",").every(isPortRange),
  ),
  tokenFile: setting("--token-file", "TOKEN_FILE", "the path of a file", isPath),
  trustRoots: setting("--trust-roots", "TRUST_ROOTS", "the path of a file that is there", isFile),
  inboundTls: setting("--inbound-tls", "INBOUND_TLS", "permissive or strict", oneOf("permissive", "strict")),
  logLevel: setting(
    "--log-level",
    "LOG",
    "error, warn, info or debug",
    oneOf("error", "warn", "info", "debug"),
  ),
  logFormat: setting("--log-format", "LOG_FORMAT", "text or json", oneOf("text", "json")),
};

function setting(flag: string, name: string, expected: string, isValid: (text: string) => boolean): Setting {
  return { flag, variable: `MESH_PROXY_${name}`, expected, isValid };
}

/** A number from 1 to `most`. */
function isWholeNumber(most: number): (text: string) => boolean {
  return (text) => /^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most;
}

function oneOf(...values: string[]): (text: string) => boolean {
  return (text) => values.includes(text);
}

/** NAME alone as it stands, KIND/NAME with the kind in its long, singular form. */
function longWorkload(text: string): string {
  const workload = parseWorkload(text);
  return workload && text.includes("/") ? `${workload.kind}/${workload.name}` : text;
}

/**
 * The environment variables that give a proxy these settings.
 * @throws Failure with status 2 that names the flag of a setting that cannot be taken
 */
export function sidecarEnvironment(settings: SidecarSettings): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [key, { flag, variable, expected, isValid }] of Object.entries(SETTINGS)) {
    const given = settings[key as keyof SidecarSettings];
    const values = typeof given === "string" ? [given] : (given ?? []);
    const wrong = values.find((value) => !isValid(value));
    if (wrong !== undefined) {
      throw new Failure(`${flag} ${wrong} cannot be taken`, {
        hint: `${flag} with ${expected}`,
        exitStatus: 2,
      });
    }
    if (values.length > 0) env[variable] = values.join(",");
  }
  if (settings.workload !== undefined) env[SETTINGS.workload.variable] = longWorkload(settings.workload);
  return env;
}
