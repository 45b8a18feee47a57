import type { X509Certificate } from "node:crypto";
import type { CertifiedProxy as Message } from "../../generated/mesh/api/v1/CertifiedProxy.js";
import type { IdentityHandlers } from "../../generated/mesh/api/v1/Identity.js";
import type { Catalog, Sidecar } from "../catalog/index.js";
import { fingerprint } from "../certificates/index.js";
import type { Issuer, TrustRoot } from "../identity/index.js";
import { loadApi, timestamp } from "../proto/index.js";
import type { ApiContext } from "./api.js";
import type { CertifiedProxies, CertifiedProxy } from "./certified-proxies.js";
import type { GrpcService } from "./grpc-service.js";

/** What is told of identities. */
export interface IdentityContext {
  readonly root: Pick<TrustRoot, "issuer" | "trouble">;
  readonly certified: CertifiedProxies;
  /** Whether the catalog has every pod, so that the proxy of one that it does not have is gone for good. */
  readonly podsAreKnown: boolean;
}

/** mesh.api.v1.Identity: who signs, and which proxies are certified by whom. */
export function identityApi({ catalog, identity }: Pick<ApiContext, "catalog" | "identity">): GrpcService {
  const implementation: IdentityHandlers = {
    Get(_call, respond) {
      const issuer = identity?.root.issuer();
      respond(null, {
        authority: issuer ? authority(issuer) : null,
        trouble: identity?.root.trouble() ?? "",
        proxies: identity ? proxies(identity, catalog) : [],
      });
    },
  };
  return { definition: loadApi().mesh.api.v1.Identity.service, implementation };
}

const authority = ({ trustDomain, keys }: Issuer) => ({
  trustDomain,
  roots: keys.authorities.map(certificate),
  issuer: certificate(keys.certificate),
});

const certificate = (one: X509Certificate) => ({
  sha256: Buffer.from(fingerprint(one), "hex"),
  notAfter: timestamp(new Date(one.validTo)),
});

/** Also those that have an identity and have told nothing of their certificate, at least not here. */
function proxies({ certified, podsAreKnown }: IdentityContext, catalog: Catalog): Message[] {
  const known = [...certified].filter(
    ({ proxy }) =>
      !podsAreKnown || certified.isConnected(proxy) || catalog.hasInstance(proxy.namespace, proxy.name),
  );
  const names = new Set(known.map(({ proxy }) => keyOf(proxy)));
  const silent = [...catalog.sidecars].filter((one) => one.identity !== undefined && !names.has(keyOf(one)));
  return [
    ...known.map((one) => message(one, certified.isConnected(one.proxy))),
    ...silent.map(({ namespace, name }) => ({
      ...{ namespace, name },
      connected: certified.isConnected({ namespace, name }),
    })),
  ];
}

const message = ({ proxy, trust, token }: CertifiedProxy, connected: boolean): Message => ({
  ...{ namespace: proxy.namespace, name: proxy.name, connected },
  trust: {
    givenRoots: trust.givenRoots.map(bytes),
    roots: trust.roots.map(bytes),
    issuer: bytes(trust.issuer),
    notAfter: timestamp(trust.notAfter),
  },
  ...(token && { tokenFrom: timestamp(token.from), tokenUntil: timestamp(token.until) }),
});

const bytes = (hex: string) => Buffer.from(hex, "hex");

const keyOf = ({ namespace, name }: Pick<Sidecar, "namespace" | "name">) => `${namespace}/${name}`;
