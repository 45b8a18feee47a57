// An issuer whose time is over.
import { type KeyPair, newIssuer } from "../src/certificates/index.js";

/** Certificates are valid from ten minutes before they are made: this one ended five minutes ago. */
const DAYS = -5 / (24 * 60);

/** An issuer of the trust domain `mesh.test`, signed by a root, that has ended. */
export const endedIssuer = (root: { certificate: string; key: string }): Promise<KeyPair> =>
  newIssuer(
    { ...root, authorities: root.certificate },
    { spiffeId: "spiffe://mesh.test", name: "ended", days: DAYS },
  );
