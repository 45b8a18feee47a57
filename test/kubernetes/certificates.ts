// X.509 certificates for tests, made by openssl.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed certificate authority, with a SPIFFE ID (`URI:spiffe://…`) where one is given. */
export function certificateAuthority(name: string, days = 3650, spiffeId?: string): KeyPair {
  return inFolder((folder) => {
    openssl(
      folder,
      ...newKey("ca"),
      "-x509",
      "-subj",
      `/CN=${name}`,
      "-days",
      String(days),
      "-out",
      "ca.crt",
      ...CA,
      ...(spiffeId === undefined ? [] : ["-addext", `subjectAltName=${spiffeId}`]),
    );
    return read(folder, "ca");
  });
}

/** A server's certificate for the names (`DNS:…`, `IP:…`), signed by the authority. */
export function serverCertificate(authority: KeyPair, names: readonly string[], days = 3650): KeyPair {
  return signed(
    authority,
    "/CN=server",
    [`subjectAltName=${names.join(",")}`, "extendedKeyUsage=serverAuth"],
    days,
  );
}

/** A client's certificate, as Kubernetes reads them: a user, and the groups that it belongs to. */
export function clientCertificate(authority: KeyPair, user: string, groups: readonly string[] = []): KeyPair {
  const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join("");
  return signed(authority, subject, ["extendedKeyUsage=clientAuth"], 3650);
}

/** A PKCS #10 request in DER, for a new key (`ec_paramgen_curve:prime256v1`, `rsa_keygen_bits:2048`), with its private key in PEM. */
export function certificateRequest(algorithm: "ec" | "rsa", option: string): { der: Buffer; key: string } {
  return inFolder((folder) => {
    const key = ["-newkey", algorithm, "-pkeyopt", option, "-nodes", "-keyout", "request.key"];
    openssl(folder, "req", ...key, "-subj", "/CN=ignored", "-outform", "DER", "-out", "request.der");
    return {
      der: readFileSync(join(folder, "request.der")),
      key: readFileSync(join(folder, "request.key"), "utf8"),
    };
  });
}

function signed(authority: KeyPair, subject: string, extensions: readonly string[], days: number): KeyPair {
  return inFolder((folder) => {
    writeFileSync(join(folder, "ca.crt"), authority.certificate);
    writeFileSync(join(folder, "ca.key"), authority.key);
    writeFileSync(join(folder, "extensions"), `${extensions.join("\n")}\n`);
    openssl(folder, ...newKey("signed"), "-subj", subject, "-out", "signed.csr");
    const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-days", String(days), "-extfile", "extensions"];
    openssl(folder, "x509", "-req", "-in", "signed.csr", ...signer, "-out", "signed.crt");
    return read(folder, "signed");
  });
}

const CA = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];

const newKey = (name: string) => [
  "req",
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
  "-keyout",
  `${name}.key`,
];

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "mesh-certificates-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}

function read(folder: string, name: string): KeyPair {
  const part = (suffix: string) => readFileSync(join(folder, `${name}.${suffix}`), "utf8");
  return { certificate: part("crt"), key: part("key") };
}
