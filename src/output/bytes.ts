const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Bytes as people read them, in powers of 1000: `512B`, `1.5KB`, `12MB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 999.5 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes / 0.9995) / 3));
  const value = bytes / 1000 ** power;
  const decimals = power === 0 || value >= 99.95 ? 0 : 1;
  return `${Number(value.toFixed(decimals))}${UNITS[power] ?? ""}`;
}

/** Reads `512B`, `64KB` (64,000), `64KiB` (65,536), `10MB`; undefined when the text is not an amount of bytes. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text);
  const unit = BYTES_PER_UNIT[match?.[2] ?? ""];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}
