import type { Account, ReadToken, TokenHolder } from "../identity/index.js";
import { readToken } from "../identity/index.js";
import { ok, type Result } from "../result/index.js";
import {
  always,
  type Applicant,
  bearerToken,
  type ProxyRefusal,
  type Recognize,
  refusal,
  type Vouch,
  withIdentity,
} from "./recognition.js";

/** Believes a proxy that shows its workload's token. @param key that of tokens at the moment, PEM @param identityOf the SPIFFE ID of an account */
export function recognizeByToken(key: () => string, identityOf: (account: Account) => string): Recognize {
  return (said, authorization) => {
    const holder = holderOf(key(), said, authorization);
    if (!holder.ok) return Promise.resolve(holder);
    const [own, claimed] = [holder.value, said].map(({ workload }) => `${workload.kind}/${workload.name}`);
    if (own !== claimed) {
      const details = `the token is of ${own} in namespace ${said.namespace}, not of ${claimed}`;
      return Promise.resolve(refusal("other-workload", details));
    }
    const known = withIdentity(said, identityOf(accountOf(holder.value)));
    return Promise.resolve(known.ok ? ok(always(known, holder.value.term)) : known);
  };
}

/** Certifies a proxy as the workload whose token it shows. @param key that of tokens at the moment, PEM */
export function vouchByToken(key: () => string): Vouch {
  return (applicant, authorization) => {
    const holder = holderOf(key(), applicant, authorization);
    return Promise.resolve(holder.ok ? ok(accountOf(holder.value)) : holder);
  };
}

const accountOf = ({ namespace, workload }: TokenHolder): Account => ({ namespace, name: workload.name });

function holderOf(
  key: string,
  { namespace }: Applicant,
  authorization: string | undefined,
): Result<ReadToken, ProxyRefusal> {
  const token = bearerToken(
    authorization,
    "the token of the proxy's workload, as mesh token create makes it",
  );
  if (!token.ok) return token;
  const holder = readToken(key, token.value, new Date());
  if (!holder.ok) return refusal("invalid-token", `the token is not taken: ${holder.error}`);
  if (holder.value.namespace === namespace) return holder;
  const { workload } = holder.value;
  return refusal(
    "other-workload",
    `the token is of ${workload.kind}/${workload.name} in namespace ${holder.value.namespace}, not in ${namespace}`,
  );
}
