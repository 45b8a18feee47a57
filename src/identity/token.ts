import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify } from "node:crypto";
import { fail, ok, type Result } from "../result/index.js";

/** Whom tokens of the mesh are meant for. */
const AUDIENCE = "mesh.dev";
/** A token is valid a little before it was made, for control planes whose clock is late. */
const CLOCK_SKEW_SECONDS = 600;

/** The workload that whoever has the token may be a proxy of. */
export interface TokenHolder {
  readonly namespace: string;
  readonly workload: { readonly kind: string; readonly name: string };
}

/** A token that was read: whose it is, and for how long. */
export interface ReadToken extends TokenHolder {
  readonly term: { readonly from: Date; readonly until: Date };
}

/** What a token says (RFC 7519). Times are in seconds since the epoch. */
interface Claims {
  readonly aud: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly namespace: string;
  /** KIND/NAME */
  readonly workload: string;
}

/** Makes a token by which a proxy shows that it is the workload's: a JSON Web Token, signed by ES256 (RFC 7518). @param key PEM */
export function createToken(key: string, { namespace, workload }: TokenHolder, seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims: Claims = {
    aud: AUDIENCE,
    iat: now,
    nbf: now - CLOCK_SKEW_SECONDS,
    exp: now + seconds,
    jti: randomUUID(),
    namespace,
    workload: `${workload.kind}/${workload.name}`,
  };
  return signToken(key, claims);
}

/** Signs claims, whatever they are. */
export function signToken(key: string, claims: Readonly<Record<string, unknown>> | Claims): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode({ alg: "ES256", typ: "JWT", kid: keyIdOf(key) })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(content), {
    key: createPrivateKey(key),
    dsaEncoding: "ieee-p1363",
  });
  return `${content}.${signature.toString("base64url")}`;
}

/** Whose token it is at this time; the error says why it is nobody's. @param key of the mesh's tokens, PEM */
export function readToken(key: string, token: string, now: Date): Result<ReadToken> {
  const [header = "", payload = "", signature = "", ...rest] = token.split(".");
  const [head, claims] = [jsonObject(header), jsonObject(payload)];
  if (rest.length > 0 || head === undefined || claims === undefined)
    return fail("it is no JSON Web Token; mesh token create makes one");
  const isOurs =
    head["alg"] === "ES256" &&
    verify(
      "sha256",
      Buffer.from(`${header}.${payload}`),
      { key: createPublicKey(key), dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    );
  if (!isOurs)
    return fail("it is not signed by this mesh (mesh token create with the control plane's --directory)");
  return readClaims(claims, now.getTime() / 1000);
}

function readClaims(claims: Readonly<Record<string, unknown>>, now: number): Result<ReadToken> {
  const { aud, nbf, exp, namespace, workload } = claims;
  const [kind, name, ...rest] = typeof workload === "string" ? workload.split("/") : [];
  if (aud !== AUDIENCE) return fail(`it is meant for ${JSON.stringify(aud)}, not for ${AUDIENCE}`);
  if (typeof exp !== "number" || typeof nbf !== "number")
    return fail("it does not say for how long it is valid");
  if (now >= exp) return fail(`it expired on ${timeOf(exp)}`);
  if (now < nbf) return fail(`it is not valid before ${timeOf(nbf)}`);
  if (typeof namespace !== "string" || !kind || !name || rest.length > 0)
    return fail("it does not say whose it is");
  const term = { from: new Date(nbf * 1000), until: new Date(exp * 1000) };
  return ok({ namespace, workload: { kind, name }, term });
}

const timeOf = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
};

/** Whether a PEM text is a key that can sign tokens. */
export function isTokenKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === "prime256v1";
  } catch {
    return false;
  }
}

/** Tells keys apart without telling them. */
const keyIdOf = (key: string): string =>
  createHash("sha256")
    .update(createPublicKey(key).export({ type: "spki", format: "der" }))
    .digest("base64url")
    .slice(0, 16);

function jsonObject(base64url: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64url, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
