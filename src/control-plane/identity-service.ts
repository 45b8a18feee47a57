import { status } from "@grpc/grpc-js";
import type { CertifyRequest__Output } from "../../generated/mesh/proxy/v1/CertifyRequest.js";
import type { CertifyResponse } from "../../generated/mesh/proxy/v1/CertifyResponse.js";
import type { IdentityHandlers } from "../../generated/mesh/proxy/v1/Identity.js";
import type { Certified, TrustRoot } from "../identity/index.js";
import { loadIdentity, timestamp } from "../proto/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GrpcService } from "./grpc-service.js";
import { type Applicant, type ProxyRefusal, REFUSAL_STATUS, type Vouch } from "./recognition.js";

/** What it takes to certify proxies. */
export interface IdentityContext {
  readonly root: Pick<TrustRoot, "issuer">;
  readonly vouch: Vouch;
  /** Told of each proxy that is refused. */
  readonly refused: (refusal: ProxyRefusal, applicant: Applicant) => void;
}

/** mesh.proxy.v1.Identity: signs what proxies ask for, as far as somebody vouches for them. */
export function identityService(context: IdentityContext): GrpcService {
  const implementation: IdentityHandlers = {
    Certify({ request, metadata }, respond) {
      const [authorization] = metadata.get("authorization");
      certify(context, request, authorization?.toString()).then(
        (certified) => {
          if (certified.ok) {
            respond(null, certified.value);
            return;
          }
          context.refused(certified.error, request);
          respond({ code: REFUSAL_STATUS[certified.error.reason], details: certified.error.details });
        },
        (error: unknown) => respond({ code: status.UNAVAILABLE, details: String(error) }),
      );
    },
  };
  return { definition: loadIdentity().mesh.proxy.v1.Identity.service, implementation };
}

async function certify(
  { root, vouch }: IdentityContext,
  request: CertifyRequest__Output,
  authorization: string | undefined,
): Promise<Result<CertifyResponse, ProxyRefusal>> {
  const account = await vouch(request, authorization);
  if (!account.ok) return account;
  const issuer = root.issuer();
  if (!issuer) return fail({ reason: "not-signed", details: "the trust root is not there yet" });
  const certified = await issuer.certify(request.certificateRequest, account.value);
  if (certified.ok) return ok(toMessage(certified.value));
  const { kind, message } = certified.error;
  return fail({ reason: kind === "request" ? "malformed" : "not-signed", details: message });
}

const toMessage = ({ certificates, roots, renewAt }: Certified): CertifyResponse => ({
  certificates: [...certificates],
  trustRoots: [...roots],
  renewAt: timestamp(renewAt),
});
