import { isDeepStrictEqual } from "node:util";
import type { Trust__Output } from "../../generated/mesh/proxy/v1/Trust.js";
import type { ConnectedProxy } from "../catalog/index.js";
import { fingerprint, hex } from "../certificates/index.js";
import type { Issuer, TrustRoot } from "../identity/index.js";
import type { ProxiesFile } from "./proxies-file.js";
import type { TokenTerm } from "./recognition.js";

/** How a proxy is certified and whom it believes. Certificates are named by their SHA-256, in hexadecimal. */
export interface ProxyTrust {
  readonly givenRoots: readonly string[];
  readonly roots: readonly string[];
  /** Empty when the proxy was not told. */
  readonly issuer: string;
  readonly notAfter: Date;
}

/** A proxy that has a certificate. */
export interface CertifiedProxy {
  readonly proxy: ConnectedProxy;
  readonly trust: ProxyTrust;
  /** Of the token that it has shown. */
  readonly token?: TokenTerm | undefined;
  /** Whether it has an open stream, or had one when the control plane ended and is expected back. */
  readonly isExpected: boolean;
}

/** A proxy's stream, as far as its certificate is concerned. */
export interface TrustSession {
  told(trust: ProxyTrust): void;
  end(): void;
}

interface Session {
  readonly certifyAgain: () => void;
  /** On account of this issuer the proxy was asked already. */
  askedFor: Issuer | undefined;
}

/**
 * The proxies that have certificates, also those that are not connected now and whose certificate has not ended. Whoever is certified by another issuer
 * than the present one, or trusts other roots, is asked to come again.
 */
export class CertifiedProxies {
  readonly #root: Pick<TrustRoot, "issuer" | "onChange">;
  readonly #file: ProxiesFile | undefined;
  readonly #byName = new Map<string, CertifiedProxy>();
  readonly #sessions = new Map<string, Session>();
  #isOver = false;

  /** @param file where they are remembered, and what it says */
  constructor(root: Pick<TrustRoot, "issuer" | "onChange">, file?: ProxiesFile) {
    this.#root = root;
    this.#file = file;
    for (const known of file?.remembered ?? []) this.#byName.set(keyOf(known.proxy), known);
    root.onChange(() => this.#askAll());
  }

  /** Ended certificates are forgotten. */
  *[Symbol.iterator](): IterableIterator<CertifiedProxy> {
    for (const [key, known] of this.#byName) {
      if (this.#sessions.has(key) || known.trust.notAfter > new Date()) yield known;
      else this.#byName.delete(key);
    }
  }

  /** Those that are connected, or were when the control plane ended and may not be back yet. */
  expected(): ConnectedProxy[] {
    return [...this].filter(({ isExpected }) => isExpected).map(({ proxy }) => proxy);
  }

  isConnected(proxy: Pick<ConnectedProxy, "namespace" | "name">): boolean {
    return this.#sessions.has(keyOf(proxy));
  }

  /** A proxy has opened its stream. @param certifyAgain asks it to come again */
  begin(proxy: ConnectedProxy, token: TokenTerm | undefined, certifyAgain: () => void): TrustSession {
    const key = keyOf(proxy);
    const session: Session = { certifyAgain, askedFor: undefined };
    this.#sessions.set(key, session);
    return {
      told: (trust) => {
        this.#set(key, { proxy, trust, token, isExpected: true });
        this.#ask(key, session);
      },
      end: () => {
        // Unless it came back before the old stream was noticed to be dead.
        if (this.#isOver || this.#sessions.get(key) !== session) return;
        this.#sessions.delete(key);
        const known = this.#byName.get(key);
        if (known) this.#set(key, { ...known, isExpected: false });
      },
    };
  }

  /** From now on streams that end are no news. Resolves when what is known is remembered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#file?.written();
  }

  #set(key: string, known: CertifiedProxy): void {
    if (isDeepStrictEqual(this.#byName.get(key), known)) return;
    this.#byName.set(key, known);
    this.#file?.write(() => [...this]);
  }

  #askAll(): void {
    for (const [key, session] of this.#sessions) this.#ask(key, session);
  }

  #ask(key: string, session: Session): void {
    const [known, issuer] = [this.#byName.get(key), this.#root.issuer()];
    if (!known || !issuer || session.askedFor === issuer || isUpToDate(known.trust, issuer)) return;
    session.askedFor = issuer;
    session.certifyAgain();
  }
}

function isUpToDate({ givenRoots, roots, issuer: own }: ProxyTrust, issuer: Issuer): boolean {
  const present = issuer.keys.authorities.map(fingerprint);
  const [signer] = issuer.chain();
  return (
    own === (signer ? fingerprint(signer) : "") &&
    present.every((root) => roots.includes(root)) &&
    roots.every((root) => present.includes(root) || givenRoots.includes(root))
  );
}

/** What a proxy tells; undefined where that makes no sense. */
export function readTrust({ givenRoots, roots, issuer, notAfter }: Trust__Output): ProxyTrust | undefined {
  if (notAfter === null) return undefined;
  return {
    givenRoots: givenRoots.map(hex),
    roots: roots.map(hex),
    issuer: hex(issuer),
    notAfter: new Date(notAfter.seconds * 1000),
  };
}

const keyOf = ({ namespace, name }: Pick<ConnectedProxy, "namespace" | "name">) => `${namespace}/${name}`;
