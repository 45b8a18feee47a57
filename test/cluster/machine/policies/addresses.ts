import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";

/** Where the network plugins' answers are kept for as long as a pod has its network: before its first container starts. */
const ANSWERS = "/var/lib/cni/results";

/** The part of a kept answer that is read. */
interface Answer {
  readonly networkName: string;
  readonly cniArgs: readonly (readonly [string, string])[];
  readonly result: { readonly ips?: readonly { readonly address: string }[] };
}

/** The addresses of the pods of a network, by UID. One that is being made or taken away may be left out. */
export function podAddresses(network: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(ANSWERS)) {
    const answer = readAnswer(join(ANSWERS, file));
    if (answer?.networkName !== network) continue;
    const { K8S_POD_UID: uid = "" } = Object.fromEntries(answer.cniArgs);
    const addresses = (answer.result.ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
    // A pod has two for a moment when its sandbox is made anew.
    found.set(uid, [...(found.get(uid) ?? []), ...addresses]);
  }
  return found;
}

/** Calls back whenever the addresses of pods may have changed, until it is told to stop. */
export function watchPodAddresses(onChange: () => void): () => void {
  if (!existsSync(ANSWERS)) mkdirSync(ANSWERS, { recursive: true });
  const watcher = watch(ANSWERS, onChange);
  return () => watcher.close();
}

/** Undefined when it is not there any more, or not yet all of it. */
function readAnswer(path: string): Answer | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Answer;
  } catch {
    return undefined;
  }
}
