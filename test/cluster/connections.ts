// Who can connect where, found out from within pods.
import { kubectl } from "./administrator.js";

/** A port as NetworkPolicies know it: `TCP 80`. */
export type Port = `${"TCP" | "UDP"} ${number}`;

/** Who is silent for so long is not there. One that is takes far less. */
const SILENCE_MS = 500;

/** Prints those of the given addresses with ports at which somebody is: who takes a connection, or sends a datagram back. */
const PROBE = `
const { connect } = require("node:net"), { createSocket } = require("node:dgram");
const isThere = ([host, port]) => new Promise((tell) => {
  const [protocol, number] = port.split(" ");
  if (protocol === "TCP") {
    const socket = connect({ host, port: Number(number) }, () => tell(true));
    socket.on("error", () => tell(false));
  } else {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4", () => tell(true));
    socket.on("error", () => tell(false)).send("?", Number(number), host);
  }
  setTimeout(() => tell(false), ${SILENCE_MS});
});
const wanted = JSON.parse(process.argv[1]);
Promise.all(wanted.map(isThere)).then((there) => {
  console.log(JSON.stringify(wanted.filter((_, index) => there[index])));
  process.exit();
});`;

/**
 * At which of the ports somebody is reached, by address.
 * @param caller namespace and name of a pod that has a Node.js at /node and no sidecar
 */
export async function openPorts(
  caller: readonly [namespace: string, pod: string],
  addresses: readonly string[],
  ports: readonly Port[],
): Promise<Port[][]> {
  const wanted = addresses.flatMap((address) => ports.map((port) => [address, port]));
  const [namespace, pod] = caller;
  const words = ["exec", "-n", namespace, pod, "--", "/node", "-e", PROBE, JSON.stringify(wanted)];
  const open = JSON.parse(await kubectl.run(words)) as [string, Port][];
  return addresses.map((address) => open.filter(([its]) => its === address).map(([, port]) => port));
}
