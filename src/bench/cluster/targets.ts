import type { LoadSettings } from "../report.js";
import { rowOfTwo, schemeOf, type Target } from "../target.js";

/** The port of the bench's pods where their sidecar has its metrics; its Services have it too. */
export const ADMIN_PORT = 4191;

/** A port of the Services whose connections do not pass the caller's sidecar. */
export const PAST_THE_SIDECAR = 8081;

/** The pods of a bench of this name; the first two have Services of the same names. */
export const namesOf = (bench: string) => ({
  unmeshed: `${bench}-unmeshed`,
  meshed: `${bench}-meshed`,
  load: `${bench}-load`,
});

/** host:port of the metrics page of the service's sidecar, as the load sees it. */
export const serverAdmin = (bench: string): string => `${namesOf(bench).meshed}:${ADMIN_PORT}`;

/** What the load of a bench of this name calls. */
export function targetsOf(bench: string, { protocol, tls }: LoadSettings): Target[] {
  const { unmeshed, meshed } = namesOf(bench);
  const own = `127.0.0.1:${ADMIN_PORT}`;
  const target = (name: string, host: string, processes: readonly string[]): Target => ({
    ...{ name, url: `${schemeOf(protocol)}://${host}/`, protocol, proxy: null, processes },
  });
  return [
    target("direct", `${unmeshed}:${PAST_THE_SIDECAR}`, []),
    target("one sidecar", unmeshed, [own]),
    target(rowOfTwo(tls), meshed, [own, serverAdmin(bench)]),
  ];
}
