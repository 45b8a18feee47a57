import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { CertifyResponse__Output } from "../../generated/mesh/proxy/v1/CertifyResponse.js";
import type { Proxy } from "../../generated/mesh/proxy/v1/Proxy.js";
import { certificateRequest } from "../../test/kubernetes/certificates.js";
import { issueToken, rootsFile, type TokenWishes } from "../identity/index.js";
import { loadDiscovery, loadIdentity } from "../proto/index.js";
import { startIdentity } from "./identity-role.js";
import { type ControlPlane, startControlPlane } from "./index.js";

const MESH = "spiffe://mesh.test/ns";
const directory = mkdtempSync(join(tmpdir(), "mesh-identity-"));
const request = certificateRequest("ec", "ec_paramgen_curve:prime256v1");
const refusals: string[] = [];
let controlPlane: ControlPlane;
let stopIdentity: () => Promise<void>;
/** Connections that say nothing, or not the rest of what they began with: how long each was open. */
let unfinished: Promise<number[]>;

beforeAll(async () => {
  const observer = {
    failed: (message: string) => refusals.push(message),
    renewed: () => undefined,
    certified: () => undefined,
  };
  const identity = await startIdentity({ directory, trustDomain: "mesh.test" }, observer);
  if (!identity.ok) throw identity.error;
  stopIdentity = () => identity.value.root.stop();
  const started = await startControlPlane({
    source: { directory },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: "1.2.3",
    logFormat: "text",
    writeLog: () => undefined,
    identity: identity.value,
    refused: (reason) => refusals.push(reason),
  });
  if (!started.ok) throw started.error;
  controlPlane = started.value;
  unfinished = Promise.all(["", "\x16", "\x16\x03\x01\x02\x00\x01"].map(openFor));
});

afterAll(async () => {
  await controlPlane.stop();
  await stopIdentity();
  rmSync(directory, { recursive: true });
});

async function tokenOf(wishes: Partial<TokenWishes>): Promise<string> {
  const token = await issueToken({ directory, workload: "web", namespace: "shop", ttl: "1h", ...wishes });
  if (!token.ok) throw token.error;
  return token.value;
}

/** Sends bytes to the port for proxies and nothing more; resolves when that closes the connection, with the time until then in ms. */
function openFor(bytes: string): Promise<number> {
  const [host = "", port = ""] = controlPlane.discoveryAddress.split(":");
  const begun = performance.now();
  const socket = connectPlain(Number(port), host, () => socket.write(bytes, "latin1"));
  return new Promise((resolve) =>
    socket
      .on("error", () => undefined)
      .on("close", () => resolve(performance.now() - begun))
      .resume(),
  );
}

/** A token with claims of a test's own, as others may make them. */
function tokenThatSays(claims: object, key: KeyObject = tokenKey()): string {
  const now = seconds(0);
  const whole = { aud: "mesh.dev", nbf: now, exp: now + 60, namespace: "shop", workload: "workload/web" };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode({ alg: "ES256", typ: "JWT" })}.${encode({ ...whole, ...claims })}`;
  const signature = sign("sha256", Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
  return `${content}.${signature.toString("base64url")}`;
}

const tokenKeyFile = () => join(directory, "ca", "token.key");

const tokenKey = () => createPrivateKey(readFileSync(tokenKeyFile()));

/** So many seconds from now, since the epoch. */
const seconds = (from: number) => Math.floor(Date.now() / 1000) + from;

/** TLS to the control plane, as a proxy has it: trusts the root, and checks the name in the URI. */
const secured = () =>
  credentials.createSsl(readFileSync(rootsFile(directory)), null, null, {
    checkServerIdentity: (_host, { subjectaltname = "" }) =>
      subjectaltname.includes(`URI:${MESH}/mesh-system/sa/mesh-control-plane`)
        ? undefined
        : new Error(subjectaltname),
  });

const bearer = (token: string | undefined) => {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
};

type Answer<T> = { error?: ServiceError; response?: T | undefined };

/** Asks for a certificate. */
async function certify(token: string | undefined, der = request.der, namespace = "shop") {
  const client = new (loadIdentity().mesh.proxy.v1.Identity)(controlPlane.discoveryAddress, secured());
  const answer = await new Promise<Answer<CertifyResponse__Output>>((resolve) =>
    client.Certify({ name: "web-1", namespace, certificateRequest: der }, bearer(token), (error, response) =>
      resolve(error ? { error } : { response }),
    ),
  );
  client.close();
  return answer;
}

/** Opens a discovery stream and asks for a service; the snapshot, or why there is none. */
async function discover(proxy: Proxy, token: string | undefined, channel: ChannelCredentials = secured()) {
  const client = new (loadDiscovery().mesh.proxy.v1.Discovery)(controlPlane.discoveryAddress, channel);
  const stream = client.discover(bearer(token));
  const answer = new Promise<Answer<object>>((resolve) => {
    stream.on("data", (response: object) => resolve({ response }));
    stream.on("error", (error: ServiceError) => resolve({ error }));
  });
  stream.write({
    proxy: { name: "web-1", namespace: "shop", workload: { kind: "", name: "web" }, ...proxy },
  });
  stream.write({ subscribe: { target: { authority: "anything" } } });
  return { ...(await answer), close: () => client.close() };
}

describe("a proxy that shows its workload's token", () => {
  test("is certified as the workload for a day, by a chain that the root is at the end of", async () => {
    const before = Date.now();
    const { response, error } = await certify(await tokenOf({}));
    if (!response) throw error ?? new Error("no answer");
    const [leaf, issuer, ...more] = response.certificates.map((der) => new X509Certificate(der));
    const [root, ...others] = response.trustRoots.map((der) => new X509Certificate(der));
    if (!leaf || !issuer || !root) throw new Error("incomplete");
    expect([more, others]).toEqual([[], []]);
    expect(leaf.subjectAltName).toBe(`URI:${MESH}/shop/sa/web`);
    expect(leaf.subject).toBeFalsy();
    expect(leaf.ca).toBe(false);
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey)).toBe(true);
    expect(root.raw).toEqual(new X509Certificate(readFileSync(rootsFile(directory))).raw);
    const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
    expect(before - from).toBeGreaterThan(300_000);
    expect((to - before) / 3_600_000).toBeCloseTo(24, 1);
    const renewAt = Number(response.renewAt?.seconds) * 1000;
    expect((renewAt - before) / (to - before)).toBeGreaterThan(0.6);
    expect((renewAt - before) / (to - before)).toBeLessThan(0.8);
  });

  test("counts as the workload, with the identity that others must find", async () => {
    const [address, identity] = ["127.0.0.1:7001", `${MESH}/shop/sa/web`];
    const inbound = [{ address, application: "127.0.0.1:7000" }];
    const { error, close } = await discover({ identity, inbound }, await tokenOf({}));
    expect(error).toBeUndefined();
    const watched = controlPlane.catalog.watchOriginal(
      { ip: "127.0.0.1", port: 7001 },
      { replaced: () => undefined, changed: () => undefined },
    );
    expect(watched.endpoints()).toMatchObject([{ namespace: "shop", pod: "web-1", meshed: true, identity }]);
    watched.stop();
    close();
  });

  test.each([
    [
      "another workload's token",
      { workload: "admin" },
      {},
      "the token is of workload/admin in namespace shop",
    ],
    ["a token of another kind", { workload: "sts/web" }, {}, "the token is of statefulset/web"],
    ["another namespace's", { namespace: "till" }, {}, "in namespace till, not in shop"],
    ["a certificate of another", {}, { identity: `${MESH}/shop/sa/admin` }, `not for ${MESH}/shop/sa/web`],
  ])("is refused with %s", async (_what, wishes, proxy, reason) => {
    const { error, close } = await discover(proxy, await tokenOf(wishes));
    close();
    expect(error).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining(reason) as string,
    });
  });
});

describe("no certificate is given", () => {
  test.each([
    ["without a token", undefined, /^expected the token of the proxy's workload/],
    ["for what is no token", "nonsense", /no JSON Web Token/],
  ])("%s", async (_what, token, reason) => {
    const { error } = await certify(token);
    expect(error?.code).toBe(status.UNAUTHENTICATED);
    expect(error?.details).toMatch(reason);
  });

  test("for another namespace", async () => {
    const { error } = await certify(await tokenOf({}), request.der, "till");
    expect(error?.code).toBe(status.PERMISSION_DENIED);
  });

  test.each([
    ["RSA", () => certificateRequest("rsa", "rsa_keygen_bits:2048").der, "not ECDSA P-256"],
    ["P-384", () => certificateRequest("ec", "ec_paramgen_curve:secp384r1").der, "not ECDSA P-256"],
    ["a request that another signed", () => spoiled(), "is not signed by its key"],
    ["nothing", () => Buffer.alloc(0), "not a PKCS #10 request"],
    ["something else", () => Buffer.from("hello"), "not a PKCS #10 request"],
    ["far too much", () => Buffer.alloc(100_000), "has 100000 bytes"],
  ])("for %s", async (_what, der, reason) => {
    const { error } = await certify(await tokenOf({}), der());
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(error?.details).toContain(reason);
  });
});

describe("a token", () => {
  test.each<[string, () => string, RegExp]>([
    [
      "that has expired",
      () => tokenThatSays({ exp: seconds(-1) }),
      /^the token is not taken: it expired on 2/,
    ],
    ["that is not valid yet", () => tokenThatSays({ nbf: seconds(60) }), /: it is not valid before 2/],
    [
      "for another audience",
      () => tokenThatSays({ aud: "vault" }),
      /: it is meant for "vault", not for mesh/,
    ],
    [
      "of another mesh",
      () => tokenThatSays({}, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey),
      /: it is not signed by this mesh/,
    ],
  ])("%s is refused wherever it is shown, and told why", async (_what, make, reason) => {
    const before = refusals.filter((one) => one === "invalid-token").length;
    const discovered = await discover({}, make());
    discovered.close();
    for (const { error } of [await certify(make()), discovered]) {
      expect(error).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringMatching(reason) as string,
      });
    }
    expect(refusals.filter((one) => one === "invalid-token")).toHaveLength(before + 2);
  });

  test("is taken from makers whose clocks are five minutes early or late", async () => {
    for (const skew of [-300, 300]) {
      // As mesh token create makes them: valid from ten minutes before.
      const token = tokenThatSays({
        iat: seconds(skew),
        nbf: seconds(skew - 600),
        exp: seconds(skew + 3600),
      });
      expect((await certify(token)).error).toBeUndefined();
    }
  });

  test("is good for each instance of its workload, at once and again", async () => {
    const token = await tokenOf({});
    const first = await discover({ name: "web-1" }, token);
    const second = await discover({ name: "web-2" }, token);
    first.close();
    const back = await discover({ name: "web-1" }, token);
    for (const { error, close } of [second, back]) {
      expect(error).toBeUndefined();
      close();
    }
    for (const { response } of [await certify(token), await certify(token)]) {
      const [der = Buffer.alloc(0)] = response?.certificates ?? [];
      expect(new X509Certificate(der).subjectAltName).toBe(`URI:${MESH}/shop/sa/web`);
    }
  });

  test("is taken back with all others by another key for tokens, without a restart", async () => {
    const token = await tokenOf({});
    rmSync(tokenKeyFile());
    await vi.waitFor(
      async () => expect((await certify(token)).error?.details).toContain("not signed by this mesh"),
      { timeout: 30_000, interval: 50 },
    );
    expect((await certify(await tokenOf({}))).error).toBeUndefined();
  });
});

/** The request with another signature: its last byte is of the second of two numbers. */
function spoiled(): Buffer {
  const der = Buffer.from(request.der);
  const last = der.length - 1;
  der.writeUInt8(der.readUInt8(last) ^ 1, last);
  return der;
}

describe("the port for proxies", () => {
  test("tells who speaks plain text to speak TLS", async () => {
    const { error, close } = await discover({}, await tokenOf({}), credentials.createInsecure());
    close();
    expect(error?.code).toBe(status.UNAUTHENTICATED);
    expect(error?.details).toContain("expected TLS");
    expect(refusals).toContain("plain-text");
  });

  test("speaks TLS 1.3 and nothing older, with its own certificate", async () => {
    const [host = "", port = ""] = controlPlane.discoveryAddress.split(":");
    const shake = (maxVersion: "TLSv1.2" | "TLSv1.3") =>
      new Promise<string>((resolve) => {
        const options = {
          ca: readFileSync(rootsFile(directory)),
          servername: "mesh",
          checkServerIdentity: () => undefined,
        };
        const socket = connect({ ...options, host, port: Number(port), maxVersion, ALPNProtocols: ["h2"] });
        socket.on("error", (error: Error) => resolve(error.message));
        socket.on("secureConnect", () => {
          resolve(
            `${socket.getProtocol()} ${socket.alpnProtocol} ${socket.getPeerCertificate().subjectaltname}`,
          );
          socket.destroy();
        });
      });
    expect(await shake("TLSv1.3")).toBe(
      `TLSv1.3 h2 URI:${MESH}/mesh-system/sa/mesh-control-plane, DNS:mesh-control-plane.mesh-system.svc`,
    );
    expect(await shake("TLSv1.2")).toMatch(/protocol version/i);
  });

  test("closes who does not go on, after ten seconds", { timeout: 120_000 }, async () => {
    const closed = new AbortController();
    const times = await Promise.race([unfinished, twiceAsLong(closed.signal)]);
    closed.abort();
    expect(times, "still open").toHaveLength(3);
    // The other end counts from when it accepts, which is later; timers may be off by a millisecond.
    for (const time of times) expect(time).toBeGreaterThan(9_900);
  });

  /** Twenty seconds, in steps: a machine that stands still meanwhile takes one of them, and whatever was due is done before the next. */
  async function twiceAsLong(signal: AbortSignal): Promise<number[]> {
    for (let step = 0; step < 80 && !signal.aborted; step += 1) await delay(250);
    return [];
  }

  test("goes on after connections that break off", async () => {
    const [host = "", port = ""] = controlPlane.discoveryAddress.split(":");
    for (const bytes of ["", "\x16", "\x16\x03\x01\x00\x05hello", "PRI * HT", "GET / HTTP/1.1\r\n\r\n"]) {
      const socket = connectPlain(Number(port), host, () => socket.end(bytes));
      await new Promise((resolve) => socket.on("error", resolve).on("close", resolve).resume());
    }
    expect((await certify(await tokenOf({}))).error).toBeUndefined();
  });
});
