/** How far back a history reaches. */
export const KEPT_SECONDS = 600;

const FINE_STEP_SECONDS = 2;
const FINE_SECONDS = 60;
const COARSE_STEP_SECONDS = 10;

/**
 * How much a few counters grew over the last ten minutes: in steps of two seconds for the last minute and of ten beyond,
 * so that it takes the same memory for ever. Times are in seconds on one clock that never goes back.
 */
export class History {
  readonly #fine: Ring;
  readonly #coarse: Ring;

  /** @param width how many counters */
  constructor(readonly width: number) {
    this.#fine = new Ring(FINE_STEP_SECONDS, FINE_SECONDS, width);
    this.#coarse = new Ring(COARSE_STEP_SECONDS, KEPT_SECONDS, width);
  }

  /** Records by how much each counter grew between two times; the growth counts as even between them. */
  add(from: number, to: number, growth: ArrayLike<number>): void {
    this.#fine.add(from, to, growth);
    this.#coarse.add(from, to, growth);
  }

  /** How much each counter grew between two times. The later one must not lie before the last time that was added. */
  sum(from: number, to: number): Float64Array {
    return (to - from <= FINE_SECONDS ? this.#fine : this.#coarse).sum(from, to);
  }
}

/** Sums by steps of equal length; a step that is too old is overwritten by the one that takes its place. */
class Ring {
  readonly #slots: number;
  readonly #stepOfSlot: Float64Array;
  readonly #values: Float32Array;
  /** Before it there was nothing. */
  #begin = Infinity;

  constructor(
    readonly stepSeconds: number,
    seconds: number,
    readonly width: number,
  ) {
    // One more for the step that is being filled, and one for the window's oldest, of which a part is still in it.
    this.#slots = seconds / stepSeconds + 2;
    this.#stepOfSlot = new Float64Array(this.#slots).fill(NaN);
    this.#values = new Float32Array(this.#slots * width);
  }

  add(from: number, to: number, growth: ArrayLike<number>): void {
    this.#begin = Math.min(this.#begin, from);
    const oldest = to - this.stepSeconds * (this.#slots - 1);
    this.#eachStep(Math.max(from, oldest), to, (step, seconds) => {
      const at = this.#makeRoomFor(step);
      const share = to > from ? seconds / (to - from) : 1;
      for (let i = 0; i < this.width; i++) {
        this.#values[at + i] = (this.#values[at + i] ?? 0) + (growth[i] ?? 0) * share;
      }
    });
  }

  sum(from: number, to: number): Float64Array {
    const sums = new Float64Array(this.width);
    this.#eachStep(from, to, (step, seconds) => {
      const slot = this.#slotOf(step);
      if (this.#stepOfSlot[slot] !== step) return;
      const share = this.#isNewest(step, to) ? 1 : Math.min(1, seconds / this.#filledSeconds(step));
      for (let i = 0; i < this.width; i++) {
        sums[i] = (sums[i] ?? 0) + (this.#values[slot * this.width + i] ?? 0) * share;
      }
    });
    return sums;
  }

  /** Calls back for every step between two times, with how many of its seconds lie between them. */
  #eachStep(from: number, to: number, visit: (step: number, seconds: number) => void): void {
    const last = Math.floor(to / this.stepSeconds);
    for (let step = Math.floor(from / this.stepSeconds); step <= last; step++) {
      const start = Math.max(from, step * this.stepSeconds);
      const end = Math.min(to, (step + 1) * this.stepSeconds);
      if (end > start || from === to) visit(step, end - start);
    }
  }

  /** The newest step is not over: all that is in it happened before `to`. */
  #isNewest(step: number, to: number): boolean {
    return (step + 1) * this.stepSeconds > to;
  }

  /** The oldest step may have begun before there was anything. */
  #filledSeconds(step: number): number {
    return (step + 1) * this.stepSeconds - Math.max(step * this.stepSeconds, this.#begin);
  }

  /** Steps before the clock's zero are negative. */
  #slotOf(step: number): number {
    return ((step % this.#slots) + this.#slots) % this.#slots;
  }

  #makeRoomFor(step: number): number {
    const slot = this.#slotOf(step);
    const at = slot * this.width;
    if (this.#stepOfSlot[slot] !== step) {
      this.#stepOfSlot[slot] = step;
      this.#values.fill(0, at, at + this.width);
    }
    return at;
  }
}
