import { describe, expect, it } from "vitest";
import { readEvent } from "./happenings.js";

describe("what the kernel's trace tells", () => {
  it("is who runs on a core from now on, and whether the one before would have gone on", () => {
    const line = (state: string) =>
      `   a b-c d-8769    [001] d..2. 86554.735022: sched_switch: prev_comm=a b-c d prev_pid=8769 prev_prio=120 prev_state=${state} ==> next_comm=swapper/1 next_pid=0 next_prio=120`;
    const event = {
      kind: "switch",
      core: 1,
      by: { id: 8769, name: "a b-c d" },
      to: { id: 0, name: "swapper/1" },
    };
    expect(readEvent(line("S"))).toMatchObject({ ...event, preempted: false });
    expect(readEvent(line("R+"))).toMatchObject({ ...event, preempted: true });
    expect(readEvent(line("S"))?.at).toBeCloseTo(86_554_735_022, 0);
  });

  it("is who is woken", () => {
    const line =
      "          <idle>-0       [000] d.h3. 86554.741815: sched_waking: comm=node pid=8663 prio=120 target_cpu=000";
    expect(readEvent(line)).toMatchObject({ kind: "wake", core: 0, thread: 8663 });
  });

  it("is bytes that arrive at a socket, and who ran then", () => {
    const line =
      "        worker-0-41      [001] ..s1. 12.000001: tcp_probe: family=AF_INET src=127.0.0.1:8080 dest=127.0.0.1:40001 mark=0 data_len=90 snd_nxt=0x1 snd_una=0x1";
    expect(readEvent(line)).toMatchObject({
      kind: "segment",
      by: { id: 41 },
      fromPort: 40_001,
      toPort: 8080,
    });
  });

  it("is nothing in headings and other events", () => {
    expect(readEvent("#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION")).toBeNull();
    expect(
      readEvent("          <idle>-0       [000] d.h3. 1.000000: sched_wakeup: comm=node pid=8"),
    ).toBeNull();
  });
});
