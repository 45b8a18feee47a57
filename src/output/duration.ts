const SECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/** Seconds as people read them, with two or three significant digits: `950µs`, `1.2ms`, `3.4s`, `2m5s`, `1h30m`. */
export function formatDuration(seconds: number): string {
  const micros = seconds * 1e6;
  if (micros < 999.5) return scaled(micros, 10, "µs");
  const millis = seconds * 1e3;
  if (millis < 999.5) return scaled(millis, 99.95, "ms");
  if (seconds < 59.95) return scaled(seconds, 99.95, "s");
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours}h${minutes > 0 ? `${minutes}m` : ""}`;
  return `${minutes}m${whole % 60 > 0 ? `${whole % 60}s` : ""}`;
}

/** One decimal below `wholeFrom`, none from there on; a decimal of zero is left out. */
function scaled(value: number, wholeFrom: number, unit: string): string {
  return `${Number(value.toFixed(value < wholeFrom ? 1 : 0))}${unit}`;
}

/** Reads `500ms`, `30s`, `2m`, `1m30s`, `1.5h`. The result is in seconds; undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    seconds += Number(amount) * (SECONDS_PER_UNIT[unit ?? ""] ?? 0);
  }
  return seconds;
}
