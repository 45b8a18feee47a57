import { Failure } from "../output/index.js";

/** The way to a control plane. */
export interface Route {
  /** What gRPC connects to: host:port, or unix:PATH. */
  readonly target: string;
  /** Where it leads, in words: "at 127.0.0.1:8085". */
  readonly place: string;
  /** Where resources are that nobody says the namespace of. */
  readonly namespace: string;
  /** @param reason what the connection ended with, in brackets; empty when it did not tell */
  whyUnavailable(reason: string): Failure;
  close(): void;
}

/** To an address that can be connected to. */
export const routeTo = (address: string): Route => ({
  target: address,
  place: `at ${address}`,
  namespace: "default",
  whyUnavailable: (reason) =>
    new Failure(`no control plane answers at ${address}${reason}`, {
      hint: "mesh control-plane run --directory DIR, --api HOST:PORT or MESH_API for another address, or --kubeconfig FILE for a cluster",
    }),
  close: () => undefined,
});
