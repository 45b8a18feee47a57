import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  certificateAuthority,
  clientCertificate,
  type KeyPair,
  serverCertificate,
} from "../../kubernetes/certificates.js";
import { CLUSTER_DOMAIN, FAMILIES, OWN_FAMILY } from "./addresses.js";

/** Names and addresses by which pods and this machine call the API server. */
const API_SERVER_NAMES = [
  "DNS:localhost",
  "DNS:kubernetes",
  "DNS:kubernetes.default",
  "DNS:kubernetes.default.svc",
  `DNS:kubernetes.default.svc.${CLUSTER_DOMAIN}`,
  "IP:127.0.0.1",
  ...FAMILIES.flatMap(({ node, apiServer }) => [`IP:${node}`, `IP:${apiServer}`]),
];

/** The keys and certificates of a cluster, as files. */
export class Credentials {
  readonly #folder: string;
  readonly #authority: KeyPair;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#authority = certificateAuthority("kubernetes");
    this.#write("ca", this.#authority);
    this.#write("apiserver", serverCertificate(this.#authority, API_SERVER_NAMES));
    this.#write("kubelet", serverCertificate(this.#authority, [`IP:${OWN_FAMILY.node}`]));
    this.#write("kubelet-client", clientCertificate(this.#authority, "kube-apiserver", ["system:masters"]));
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(this.path("accounts.key"), privateKey.export({ type: "pkcs8", format: "pem" }), {
      mode: 0o600,
    });
    writeFileSync(this.path("accounts.pub"), publicKey.export({ type: "spki", format: "pem" }));
  }

  /** NAME`.crt` and NAME`.key` of `ca`, `apiserver`, `kubelet` and `kubelet-client`; `accounts.key`, `accounts.pub` */
  path(file: string): string {
    return join(this.#folder, file);
  }

  /** Writes a kubeconfig for a user of the cluster, and gives its path. */
  kubeconfig(server: string, user: string, groups: readonly string[] = []): string {
    const { certificate, key } = clientCertificate(this.#authority, user, groups);
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [
        {
          name: "test",
          cluster: { server, "certificate-authority-data": base64(this.#authority.certificate) },
        },
      ],
      users: [
        {
          name: user,
          user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
        },
      ],
      contexts: [{ name: "test", context: { cluster: "test", user } }],
    };
    const path = this.path(`${user.replaceAll(":", "-")}.kubeconfig`);
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  #write(name: string, { certificate, key }: KeyPair): void {
    writeFileSync(this.path(`${name}.crt`), certificate);
    writeFileSync(this.path(`${name}.key`), key, { mode: 0o600 });
  }
}
