import type { AppProtocol } from "./app-process.js";
import type { Note } from "./journal.js";
import { Random } from "./random.js";

/** What is done to the mesh while it works. */
export type FaultKind =
  "application killed" | "proxy killed" | "proxy drained" | "endpoint removed" | "control plane killed";

/** Something that happened to the mesh, or that an application did without being asked to in a request. */
export interface Fault {
  readonly kind: FaultKind | "connection closed without a word";
  readonly service: AppProtocol | null;
  readonly endpoint: string | null;
  /** In milliseconds of performance.now(), like all times here. */
  readonly from: number;
  /** When all was as before; infinite as long as it is not. */
  until: number;
  /** By when what was broken at its beginning is broken. */
  brokenBy: number;
}

/** What is to be done next, and how long it lasts at least. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** Index of an endpoint of the service. */
  readonly endpoint: number;
  readonly afterMs: number;
  readonly forMs: number;
}

/** The proxy of a service's first endpoint stays for the whole soak, so that its memory can be followed. */
const TO_FIRST: readonly FaultKind[] = ["application killed", "endpoint removed"];
const TO_OTHERS: readonly FaultKind[] = [...TO_FIRST, "proxy killed", "proxy drained"];

/** What is done to one service's endpoints, without end: all of it once, in some order, then again in another. */
export function* faultsOf(
  seed: number,
  service: AppProtocol,
  endpoints: number,
): Generator<PlannedFault, never> {
  const random = new Random(seed, `faults of ${service}`);
  const all = Array.from({ length: endpoints }, (_, endpoint) =>
    (endpoint === 0 ? TO_FIRST : TO_OTHERS).map((kind) => ({ kind, endpoint })),
  ).flat();
  for (;;) {
    for (const fault of random.shuffled(all)) {
      yield { ...fault, afterMs: random.between(300, 3_000), forMs: random.between(100, 3_000) };
    }
  }
}

/** When the control plane is killed, and for how long, without end. */
export function* controlPlaneFaultsOf(seed: number): Generator<PlannedFault, never> {
  const random = new Random(seed, "faults of the control plane");
  for (;;) {
    yield {
      ...{ kind: "control plane killed", endpoint: 0 },
      ...{ afterMs: random.between(1_000, 12_000), forMs: random.between(100, 6_000) },
    };
  }
}

/** Older faults concern no request any more. */
const KEPT_MS = 600_000;

/** The faults of a soak, as far as requests may still be touched by them. */
export class FaultLog {
  /** How often each kind happened. */
  readonly counts = new Map<Fault["kind"], number>();
  #faults: Fault[] = [];

  constructor(private readonly note: Note = () => undefined) {}

  /** Says that a fault begins now. */
  begin(kind: Fault["kind"], service: AppProtocol | null, endpoint: string | null): Fault {
    const from = performance.now();
    const fault = { ...{ kind, service, endpoint, from }, until: Infinity, brokenBy: Infinity };
    this.#faults = this.#faults.filter(({ until }) => from - until < KEPT_MS);
    this.#faults.push(fault);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.note(`fault begins: ${describe(fault)}`);
    return fault;
  }

  /** Says that all is as it was before the fault. */
  end(fault: Fault): void {
    fault.until = performance.now();
    this.note(`fault is over: ${describe(fault)}`);
  }

  /** Whether the client's proxy may have known less of a service's endpoints then than is in the directory. */
  mayLackNews(service: AppProtocol, startedAt: number, endedAt: number): boolean {
    return this.#faults.some(
      (fault) =>
        (fault.service === null || (fault.service === service && MAKES_NEWS.includes(fault.kind))) &&
        fault.from <= endedAt &&
        startedAt <= fault.until + REPORT_MS,
    );
  }

  /** The faults of a service that something which began and ended then may have met. */
  during(service: AppProtocol, startedAt: number, endedAt: number): Fault[] {
    return this.#faults.filter(
      (fault) => fault.service === service && fault.from <= endedAt && startedAt <= fault.until + REACTION_MS,
    );
  }
}

const describe = ({ kind, endpoint }: Fault) => (endpoint === null ? kind : `${kind} (${endpoint})`);

/** After these the control plane has something to tell of an endpoint, or of its proxy. */
const MAKES_NEWS: readonly Fault["kind"][] = ["proxy killed", "proxy drained", "endpoint removed"];
/** Until every proxy has reported to a control plane that is there again, and others have heard of it. */
const REPORT_MS = 10_000;

/** Until everybody has noticed that a connection broke, on a machine that is busy. */
export const REACTION_MS = 2_000;
