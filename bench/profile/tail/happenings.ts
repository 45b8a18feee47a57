import { Scheduling } from "./scheduling.js";

/** What the kernel told of one moment. */
export type KernelEvent = {
  /** In µs of a clock that all cores share. */
  readonly at: number;
  readonly core: number;
  /** What runs on that core. */
  readonly by: Thread;
} & (
  | {
      readonly kind: "switch";
      readonly to: Thread;
      /** The one that ran until now would have gone on. */
      readonly preempted: boolean;
    }
  | { readonly kind: "wake"; readonly thread: number }
  | { readonly kind: "segment"; readonly fromPort: number; readonly toPort: number }
);

/** A thread by the kernel's number and name. */
export interface Thread {
  readonly id: number;
  readonly name: string;
}

/** Bytes on a TCP connection, when they arrived at the receiver's socket. */
export interface Segment {
  readonly at: number;
  /** The thread that ran there and then: on the loopback interface nearly always the one that sent them. */
  readonly by: number;
  readonly fromPort: number;
  readonly toPort: number;
}

/** All that the kernel told, in the order of time. */
export class Happenings {
  readonly scheduling = new Scheduling();
  readonly segments: Segment[] = [];

  add(event: KernelEvent): void {
    const { at, core, by } = event;
    this.scheduling.seen(at, core, by);
    switch (event.kind) {
      case "switch":
        this.scheduling.switched(at, core, { from: by, to: event.to, preempted: event.preempted });
        break;
      case "wake":
        this.scheduling.woken(at, event.thread);
        break;
      case "segment":
        this.segments.push({ at, by: by.id, fromPort: event.fromPort, toPort: event.toPort });
        break;
    }
  }
}

const LINE = /^ *(?<name>.+?)-(?<id>\d+) +\[(?<core>\d+)\] \S+ +(?<at>\d+\.\d+): (?<event>\w+): (?<rest>.*)$/;
const SWITCH = / prev_state=(?<state>\S+) ==> next_comm=(?<name>.*) next_pid=(?<id>\d+) /;
const SEGMENT = / src=\S*:(?<receiver>\d+) dest=\S*:(?<sender>\d+) /;

/** Reads a line of tracefs's text; null when it is none of those that were asked for. */
export function readEvent(line: string): KernelEvent | null {
  const { name: runs = "", id, core, at, event, rest = "" } = LINE.exec(line)?.groups ?? {};
  const moment = { at: Number(at) * 1e6, core: Number(core), by: { id: Number(id), name: runs } };
  switch (event) {
    case "sched_switch": {
      const { name = "", id: next, state = "" } = SWITCH.exec(rest)?.groups ?? {};
      return { ...moment, kind: "switch", to: { id: Number(next), name }, preempted: state.startsWith("R") };
    }
    case "sched_waking":
      return { ...moment, kind: "wake", thread: Number(/ pid=(\d+) /.exec(rest)?.[1]) };
    case "tcp_probe": {
      // Source and destination are those of what the receiver itself sends.
      const { receiver, sender } = SEGMENT.exec(rest)?.groups ?? {};
      return { ...moment, kind: "segment", fromPort: Number(sender), toPort: Number(receiver) };
    }
    default:
      return null;
  }
}
