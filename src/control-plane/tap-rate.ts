/** A token bucket that holds what one second allows. */
export class TapRate {
  #tokens: number;
  #filled = performance.now();

  constructor(readonly perSecond: number) {
    this.#tokens = perSecond;
  }

  /** True when one more is allowed now. */
  take(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(this.perSecond, this.#tokens + ((now - this.#filled) / 1000) * this.perSecond);
    this.#filled = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
