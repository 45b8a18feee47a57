import {
  type Account,
  type ClusterRoot,
  createAuthority,
  DEFAULT_TRUST_DOMAIN,
  hasAuthority,
  Issuer,
  keepTrustRoot,
  proxiesFile,
  readAuthority,
  readPublishedRoots,
  spiffeId,
  type TrustRoot,
  type TrustRootObserver,
} from "../identity/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Where the trust root is: in a cluster, or in a directory, where one is made when there is none. */
export type IdentityRole = ClusterRoot | DirectoryRoot;

export interface DirectoryRoot {
  readonly directory: string;
  /** Of the one that is made; one that is there must have the same. Left out: whatever it has. */
  readonly trustDomain?: string | undefined;
}

/** What the servers for proxies need of the identity role. */
export interface IdentityPart {
  readonly root: TrustRoot;
  /** The SPIFFE ID of an account. */
  readonly identityOf: (account: Account) => string;
  /** The certificates that proxies are to trust, PEM, as they are kept in a cluster now, for its namespaces. */
  readonly readRoots?: () => Promise<Result<string>>;
  /** The private key of tokens at this moment, PEM, where the API server does not vouch for proxies. */
  readonly tokenKey?: () => string;
  /** The file in which certified proxies are remembered, where nothing else tells of them. */
  readonly proxiesFile?: string;
}

/** Starts to look after the trust root. In a cluster it may be there only later. */
export async function startIdentity(
  role: IdentityRole,
  observer: TrustRootObserver,
): Promise<Result<IdentityPart, Failure>> {
  if ("directory" in role) return startInDirectory(role, observer);
  const identityOf = (account: Account) => spiffeId(role.trustDomain, account);
  const root = keepTrustRoot({ source: role, observer });
  const renewed = (message: string) => observer.renewed(message);
  return ok({
    root,
    identityOf,
    readRoots: () => readPublishedRoots(role, { renewed, present: root.issuer()?.keys }),
  });
}

async function startInDirectory(
  { directory, trustDomain }: DirectoryRoot,
  observer: TrustRootObserver,
): Promise<Result<IdentityPart, Failure>> {
  if (!(await hasAuthority(directory))) {
    const made = await createAuthority(directory, trustDomain ?? DEFAULT_TRUST_DOMAIN);
    // Another one may have made it meanwhile.
    if (!made.ok && !(await hasAuthority(directory))) return made;
  }
  const read = await readAuthority(directory);
  if (!read.ok)
    return fail(new Failure(read.error, { hint: "the files as they were: proxies trust this root" }));
  const { keys, trustDomain: own, renewal } = read.value;
  if (renewal !== undefined) observer.renewed(renewal);
  let { tokenKey } = read.value;
  if (trustDomain !== undefined && trustDomain !== own) {
    return fail(
      new Failure(`--trust-domain ${trustDomain}: the certificate authority of ${directory} is of ${own}`, {
        hint: `--trust-domain ${own}`,
        exitStatus: 2,
      }),
    );
  }
  const issuer = await Issuer.open(keys, own);
  if (!issuer.ok) return fail(new Failure(`${directory}: ${issuer.error}`));
  const readTokenKey = (key: string) => void (tokenKey = key);
  return ok({
    root: keepTrustRoot({
      source: { directory },
      first: issuer.value,
      observer: { ...observer, readTokenKey },
    }),
    identityOf: (account) => spiffeId(own, account),
    tokenKey: () => tokenKey,
    proxiesFile: proxiesFile(directory),
  });
}
