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

/** A self-signed certificate authority. */
export function certificateAuthority(name: string, days = 3650): KeyPair {
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
    );
    return read(folder, "ca");
  });
}

/** A server's certificate for the names (`DNS:…`, `IP:…`), signed by the authority. */
export function serverCertificate(authority: KeyPair, names: readonly string[], days = 3650): KeyPair {
  return inFolder((folder) => {
    writeFileSync(join(folder, "ca.crt"), authority.certificate);
    writeFileSync(join(folder, "ca.key"), authority.key);
    openssl(folder, ...newKey("server"), "-subj", "/CN=server", "-out", "server.csr");
    writeFileSync(join(folder, "names"), `subjectAltName=${names.join(",")}\n`);
    const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-days", String(days), "-extfile", "names"];
    openssl(folder, "x509", "-req", "-in", "server.csr", ...signer, "-out", "server.crt");
    return read(folder, "server");
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
