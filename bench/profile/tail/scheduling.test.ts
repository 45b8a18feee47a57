import { describe, expect, it } from "vitest";
import { IDLE, Scheduling } from "./scheduling.js";

const OURS = { id: 7, name: "worker-0" };
const OTHER = { id: 8, name: "cargo" };
const NOBODY = { id: IDLE, name: "swapper/1" };

describe("a thread", () => {
  const scheduling = new Scheduling();
  scheduling.switched(0, 1, { from: OURS, to: OTHER, preempted: false });
  scheduling.woken(10, OURS.id);
  scheduling.switched(15, 1, { from: OTHER, to: OURS, preempted: true });
  scheduling.woken(16, OURS.id);
  scheduling.switched(20, 1, { from: OURS, to: OTHER, preempted: true });
  scheduling.switched(28, 0, { from: NOBODY, to: OURS, preempted: false });
  scheduling.switched(30, 0, { from: OURS, to: NOBODY, preempted: false });

  it("sleeps until it is woken, waits until it has a core, and when it has lost it", () => {
    expect(scheduling.spent(OURS.id, 0, 30)).toEqual({ asleep: 10, waiting: 5 + 8, running: 5 + 2 });
    expect(scheduling.spent(OURS.id, 12, 18)).toEqual({ asleep: 0, waiting: 3, running: 3 });
    expect(scheduling.stretches(OURS.id)).toHaveLength(5);
  });

  it("waits for the core on which it runs then, which others have", () => {
    const [wait] = scheduling.between(OURS.id, 10, 15);
    expect(wait).toMatchObject({ state: "waiting", core: 1 });
    expect(scheduling.ran(1, 8, 18)).toMatchObject([
      { name: "cargo", from: 8, to: 15 },
      { name: "worker-0", from: 15, to: 18 },
    ]);
  });

  it("runs since it was woken where the kernel did not tell that an idle core went on to it", () => {
    const incomplete = new Scheduling();
    incomplete.switched(0, 1, { from: OURS, to: NOBODY, preempted: false });
    incomplete.woken(10, OURS.id);
    incomplete.seen(14, 1, OURS);
    incomplete.switched(20, 1, { from: OURS, to: NOBODY, preempted: false });
    expect(incomplete.spent(OURS.id, 0, 20)).toEqual({ asleep: 10, waiting: 0, running: 10 });
    incomplete.switched(22, 1, { from: NOBODY, to: OTHER, preempted: false });
    incomplete.woken(24, OURS.id);
    incomplete.seen(27, 1, OURS);
    expect(incomplete.spent(OURS.id, 20, 30)).toMatchObject({ asleep: 4, waiting: 3 });
  });

  it("is not known before its first event", () => {
    expect(scheduling.spent(99, 0, 30)).toEqual({ asleep: 0, waiting: 0, running: 0 });
  });
});
