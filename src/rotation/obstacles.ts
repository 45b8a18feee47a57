import type { CertifiedProxy__Output } from "../../generated/mesh/api/v1/CertifiedProxy.js";
import type { IdentityResponse__Output } from "../../generated/mesh/api/v1/IdentityResponse.js";
import { fingerprint, hex, parseCertificates } from "../certificates/index.js";
import type { AuthorityFiles, RotationStage } from "../identity/index.js";
import { someOf } from "../output/index.js";

/**
 * What must come about before a change of the root may go on, in words; empty when nobody would be cut off.
 * @param answers of every control plane of the mesh
 */
export function obstacles(
  stage: RotationStage,
  files: AuthorityFiles,
  answers: readonly IdentityResponse__Output[],
): string[] {
  if (!answers.every((answer) => isInForce(files, answer)))
    return ["the control plane has not read what was written last; it looks every few seconds"];
  const proxies = together(answers);
  return CONDITIONS.flatMap(({ what, isMet, from }) => {
    const concerned = from.includes(stage) ? proxies : [];
    const lacking = concerned.filter((proxy) => !isMet(proxy, files, stage));
    return lacking.length > 0 ? [`${what}: ${someOf(lacking.map(describe))}`] : [];
  });
}

/** Proxies whose file still has a root that the mesh no longer has. */
export function staleFiles(files: AuthorityFiles, answers: readonly IdentityResponse__Output[]): string[] {
  const present = fingerprints(files["ca.crt"]);
  return together(answers)
    .filter(({ trust }) => trust?.givenRoots.some((root) => !present.includes(hex(root))))
    .map(describe);
}

interface Condition {
  /** What is the matter with proxies that do not meet it. */
  readonly what: string;
  /** Before these stages end. */
  readonly from: readonly RotationStage[];
  readonly isMet: (proxy: CertifiedProxy__Output, files: AuthorityFiles, stage: RotationStage) => boolean;
}

/** Of a proxy that has told nothing the first alone is said. */
const CONDITIONS: readonly Condition[] = [
  {
    what: "have not told whom they trust, as older ones do not",
    from: ["trusting", "signing"],
    isMet: ({ trust }) => trust !== null,
  },
  {
    what: "have not the new root in their file of roots, by which they would start anew",
    from: ["trusting", "signing"],
    isMet: ({ trust }, files, stage) => has(trust?.givenRoots, newRoot(files, stage)),
  },
  {
    what: "do not trust the new root yet",
    from: ["trusting", "signing"],
    isMet: ({ trust }, files, stage) => has(trust?.roots, newRoot(files, stage)),
  },
  {
    what: "are certified by the former issuer still",
    from: ["signing"],
    isMet: ({ trust }, files) => has(trust && [trust.issuer], fingerprints(files["tls.crt"])[0]),
  },
  {
    what: "trust the former root still",
    from: ["settled"],
    // What their files say is not for the control plane to change.
    isMet: ({ connected, trust }, files) =>
      !connected || !trust || trust.roots.every((root) => hasAny(root, trust.givenRoots, files)),
  },
];

/** The next root is the last one while it is only trusted, and the first one once it signs. */
const newRoot = (files: AuthorityFiles, stage: RotationStage): string | undefined =>
  fingerprints(files["ca.crt"]).at(stage === "trusting" ? -1 : 0);

/** A proxy that has told nothing lacks nothing else. */
const has = (certificates: readonly Buffer[] | null | undefined, wanted: string | undefined): boolean =>
  certificates === null || certificates === undefined || certificates.some((one) => hex(one) === wanted);

const hasAny = (root: Buffer, given: readonly Buffer[], files: AuthorityFiles): boolean =>
  given.some((one) => one.equals(root)) || fingerprints(files["ca.crt"]).includes(hex(root));

function isInForce(files: AuthorityFiles, { authority }: IdentityResponse__Output): boolean {
  const roots = authority?.roots.map(({ sha256 }) => hex(sha256)) ?? [];
  const [issuer] = fingerprints(files["tls.crt"]);
  return (
    roots.join() === fingerprints(files["ca.crt"]).join() &&
    authority?.issuer !== null &&
    authority?.issuer !== undefined &&
    hex(authority.issuer.sha256) === issuer
  );
}

/** Each proxy once: as the control plane tells of it that it is connected to, or else was certified by last. */
function together(answers: readonly IdentityResponse__Output[]): CertifiedProxy__Output[] {
  const byName = new Map<string, CertifiedProxy__Output>();
  for (const proxy of answers.flatMap(({ proxies }) => proxies)) {
    const name = nameOf(proxy);
    const other = byName.get(name);
    if (!other || weight(proxy) > weight(other)) byName.set(name, proxy);
  }
  return [...byName.values()];
}

const weight = ({ connected, trust }: CertifiedProxy__Output): number =>
  (connected ? 1e12 : 0) + (trust?.notAfter?.seconds ?? 0);

const describe = (proxy: CertifiedProxy__Output): string => {
  const end = proxy.trust?.notAfter;
  if (proxy.connected || !end) return nameOf(proxy);
  const until = new Date(end.seconds * 1000).toISOString();
  return `${nameOf(proxy)} (not connected; its certificate ends on ${until})`;
};

const nameOf = ({ namespace, name }: CertifiedProxy__Output) => `${namespace}/${name}`;

function fingerprints(pem: string): string[] {
  const certificates = parseCertificates(pem);
  return certificates.ok ? certificates.value.map(fingerprint) : [];
}
