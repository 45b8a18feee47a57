import type { Catalog } from "../catalog/index.js";
import type { Failure } from "../output/index.js";
import type { Result } from "../result/index.js";
import type { CertifiedProxies } from "./certified-proxies.js";
import { discoveryService } from "./discovery.js";
import type { GrpcService } from "./grpc-service.js";
import { listen, type Listener } from "./listen.js";
import type { Log } from "./log.js";
import type { Presence } from "./presence.js";
import type { ControlPlaneOptions } from "./program.js";
import {
  type Applicant,
  atItsWord,
  type ProxyRefusal,
  type Recognize,
  refusePlainText,
  type Vouch,
} from "./recognition.js";

/** HTTP/2 pings find a proxy whose machine went away without a word within fifteen seconds. */
const KEEPALIVE = {
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

/** What the servers for proxies work on. */
export interface ProxyContext {
  readonly catalog: Catalog;
  readonly presence: Presence;
  readonly certified?: CertifiedProxies | undefined;
  readonly log: Log;
  readonly refused: (refusal: ProxyRefusal, proxy: Applicant | undefined) => void;
}

/** Listens for proxies: by plain text where nobody certifies them, and otherwise by TLS, with what certifies them. */
export async function startForProxies(
  options: Pick<ControlPlaneOptions, "source" | "listen" | "identity" | "defaultPermission">,
  context: ProxyContext,
): Promise<Result<Listener, Failure>> {
  const { identity, defaultPermission = "allow" } = options;
  const { plain, secured } = await recognition(options, context.catalog);
  const discovery = (recognize: Recognize): GrpcService =>
    discoveryService({ ...context, recognize, defaultPermission });
  const place = { address: options.listen, flag: "--listen", grpc: KEEPALIVE };
  if (!identity || !secured) return listen({ ...place, services: [discovery(plain)] });
  const [{ listenForProxies }, { identityService }] = await Promise.all([
    import("./proxy-listener.js"),
    import("./identity-service.js"),
  ]);
  const { root } = identity;
  const { recognize, vouch } = secured;
  return listenForProxies({
    ...place,
    root,
    secured: [discovery(recognize), identityService({ root, vouch, refused: context.refused })],
    plain: [discovery(plain)],
    failed: (message) => context.log.error(message),
  });
}

/** How proxies show who they are, to whichever server they speak. */
interface Recognition {
  readonly plain: Recognize;
  /** Where somebody certifies proxies. */
  readonly secured?: { readonly recognize: Recognize; readonly vouch: Vouch };
}

/** In a cluster proxies are pods' and show their tokens; elsewhere those of their workloads, where somebody certifies them. */
async function recognition(
  { source, identity }: Pick<ControlPlaneOptions, "source" | "identity">,
  catalog: Catalog,
): Promise<Recognition> {
  if ("cluster" in source) {
    const [{ PodTokens }, { recognizePods, vouchForPods }] = await Promise.all([
      import("./pod-tokens.js"),
      import("./pod-recognition.js"),
    ]);
    const tokens = new PodTokens(source.cluster);
    const recognize = recognizePods(tokens, catalog, identity?.identityOf);
    // Pods that were meshed before there were certificates have no root to trust.
    return { plain: recognize, secured: { recognize, vouch: vouchForPods(tokens) } };
  }
  if (identity?.tokenKey === undefined) return { plain: atItsWord };
  const { recognizeByToken, vouchByToken } = await import("./token-recognition.js");
  return {
    plain: refusePlainText,
    secured: {
      recognize: recognizeByToken(identity.tokenKey, identity.identityOf),
      vouch: vouchByToken(identity.tokenKey),
    },
  };
}
