const UNITS = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1_000 },
] as const;

/** The largest unit that fits, in whole ones: "3 h". */
export function spanInWords(ms: number): string {
  const unit = UNITS.find((one) => ms >= one.ms);
  return unit === undefined ? "0 s" : `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

/** Binary units, one decimal: "12.5 GiB". */
export function sizeInWords(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ""}`;
}

/** ISO 8601 without the noise: "2026-01-02 03:04:05 UTC". */
export function momentInWords(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "an unknown time" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
