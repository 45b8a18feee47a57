/** Numbers that look random and follow from a seed and the name of a stream alone. */
export class Random {
  #state: number;

  constructor(seed: number, stream: string) {
    this.#state = Buffer.from(stream).reduce((state, byte) => mix(state ^ byte), mix(seed));
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** A whole number of at least `least` and at most `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** A whole number from 1 to `most`, every power of ten as likely as any other. */
  logUniform(most: number): number {
    return Math.min(most, Math.floor(Math.exp(this.fraction() * Math.log(most + 1))));
  }

  /** True in `share` of the cases. */
  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** One of several, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.fraction() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    throw new Error("nothing to choose from");
  }

  /** The same things in another order. */
  shuffled<T>(things: readonly T[]): T[] {
    return things
      .map((thing) => ({ thing, rank: this.fraction() }))
      .sort((one, other) => one.rank - other.rank)
      .map(({ thing }) => thing);
  }
}

/** Spreads the bits of a 32-bit number over all of them (the finaliser of MurmurHash3). */
export function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
