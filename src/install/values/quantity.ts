const MULTIPLIERS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that an amount of Kubernetes means: `64Mi` 67108864, `100m` 0.1; NaN for what is no amount. */
export function parseQuantity(quantity: string | number): number {
  const [, amount = "", unit = ""] = /^([-+\d.]+(?:[eE][-+]?\d+)?)([a-zA-Z]*)$/.exec(String(quantity)) ?? [];
  return Number.parseFloat(amount) * (MULTIPLIERS[unit] ?? Number.NaN);
}
