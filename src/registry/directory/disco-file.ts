import { isIP } from "node:net";
import { canonicalIp } from "../../catalog/index.js";
import { definitionKey, type DefinitionMistake, type SourceContent } from "../definitions/index.js";
import { isHost, isHostName, isPort } from "./names.js";

interface Address {
  /** An IP address or a name. */
  host: string;
  port: number;
  line: number;
}

/** The namespace of every entry of disco/. */
const NAMESPACE = "default";

/**
 * Reads `disco/NAME`, the format of Linkerd 1's fs namer: a line `host port` for each endpoint, `#` begins a comment.
 * The lines that are right make up the definition also when others are wrong.
 */
export function readDiscoFile(name: string, text: string): SourceContent {
  if (!isHostName(name)) {
    const message = `found a file ${JSON.stringify(name)}; expected its name to be a service's: letters, digits, "-", "_", "."`;
    return { definitions: [], mistakes: [{ line: 0, message }] };
  }
  const key = definitionKey("Service", NAMESPACE, name);
  const addresses: Address[] = [];
  const mistakes: DefinitionMistake[] = [];
  text.split(/\r?\n/).forEach((content, index) => {
    const line = index + 1;
    const read = readLine(content.replace(/#.*/, "").trim(), line);
    if (typeof read === "string") mistakes.push({ key, line, message: read });
    else if (read) addresses.push(read);
  });
  const names = addresses.filter(({ host }) => isIP(host) === 0);
  return {
    mistakes,
    definitions: [
      {
        key,
        line: 1,
        hosts: new Map(names.map(({ host, line }) => [host, line])),
        put(sink, addressesOf) {
          const endpoints = addresses.flatMap(({ host, port }) => {
            const literal = canonicalIp(host);
            return (literal === undefined ? addressesOf(host) : [literal]).map((ip) => ({ ip, port }));
          });
          sink.putService({ namespace: NAMESPACE, name, ports: [], endpoints: { addresses: endpoints } });
        },
        remove: (sink) => sink.removeService(NAMESPACE, name),
      },
    ],
  };
}

/** What a line says; a string is what is wrong with it, undefined an empty line. */
function readLine(content: string, line: number): Address | string | undefined {
  if (content === "") return undefined;
  const [host = "", port, ...rest] = content.split(/\s+/);
  if (port === undefined) return `found ${JSON.stringify(content)}; expected "host port"`;
  if (rest[0]?.startsWith("*")) {
    return `found a weight ${JSON.stringify(rest.join(" "))}; expected "host port": weights are not supported`;
  }
  if (rest.length > 0) return `found ${JSON.stringify(rest.join(" "))} after the port; expected "host port"`;
  if (!isHost(host)) {
    return `found host ${JSON.stringify(host)}; expected an IP address or a host name`;
  }
  if (!/^\d+$/.test(port) || !isPort(Number(port))) {
    return `found port ${JSON.stringify(port)}; expected a number from 1 to 65535`;
  }
  return { host: host.toLowerCase(), port: Number(port), line };
}
