import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newWorkloadCertificate, openSigner } from "../../src/certificates/index.js";
import { createAuthority, readAuthority, spiffeId } from "../../src/identity/index.js";

const TRUST_DOMAIN = "mesh.bench";
const LIFETIME_MS = 24 * 60 * 60 * 1000;
/** The name by which those know a peer who cannot check a URI. */
const PEER_HOST = "peer.bench";

/** The workload whose sidecar accepts, and its namespace. */
export const SERVER = "bench-server";
export const NAMESPACE = "default";

/** Certificates of one authority, for everybody who speaks TLS. */
export interface Credentials {
  /** The control plane's directory, with the authority. */
  readonly home: string;
  /** A folder with `peer.crt` (with what signed it), `peer.key`, both in `peer.pem`, and the root in `roots.crt`. */
  readonly folder: string;
  /** The same, PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly roots: string;
  /** The name in the certificate beside the host's. */
  readonly identity: string;
}

/**
 * Makes a certificate authority as the control plane does, and a certificate by it as our sidecars have them (ECDSA P-256, signed by
 * an issuer that the root has signed), with a host name beside the URI for proxies that check nothing else.
 */
export async function makeCredentials(home: string): Promise<Credentials> {
  const folder = join(home, "peer");
  await mkdir(folder, { recursive: true });
  const made = await createAuthority(home, TRUST_DOMAIN);
  if (!made.ok) throw made.error;
  const authority = await readAuthority(home);
  if (!authority.ok) throw new Error(authority.error);
  const { pem } = authority.value.keys;
  const identity = spiffeId(TRUST_DOMAIN, { namespace: NAMESPACE, name: SERVER });
  const leaf = await newWorkloadCertificate(await openSigner(pem), {
    spiffeId: identity,
    hosts: [PEER_HOST],
    notAfter: new Date(Date.now() + LIFETIME_MS),
  });
  const certificate = leaf.certificate + pem.certificate;
  const files = {
    "peer.crt": certificate,
    "peer.key": leaf.key,
    "peer.pem": certificate + leaf.key,
    "roots.crt": pem.authorities,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text, { mode: 0o600 });
  }
  return { home, folder, certificate, key: leaf.key, roots: pem.authorities, identity };
}
