import { CONTROL_PLANE, NAMESPACE } from "../installed-names/index.js";

/** The trust domain of a mesh that was given none. */
export const DEFAULT_TRUST_DOMAIN = "cluster.local";

/** As whom a workload is certified: on Kubernetes its service account, elsewhere the workload itself. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** The control plane itself. */
export const CONTROL_PLANE_ACCOUNT: Account = { namespace: NAMESPACE, name: CONTROL_PLANE };

/** The name in the account's certificates (SPIFFE-ID, section 2). */
export const spiffeId = (trustDomain: string, { namespace, name }: Account): string =>
  `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;

/** Whether a text can be a namespace or an account of a SPIFFE ID (SPIFFE-ID, section 2.2). */
export const isSpiffeSegment = (text: string): boolean =>
  /^[A-Za-z0-9._-]{1,253}$/.test(text) && text !== "." && text !== "..";

/** Whether a text can be a trust domain (SPIFFE-ID, section 2.1). */
export const isTrustDomain = (text: string): boolean => /^[a-z0-9._-]{1,255}$/.test(text);
