const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Binary units, one decimal: "12.5 GiB". Every view says sizes so. */
export function sizeInWords(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power] ?? ""}`;
}

/** "1 session open", "2 sessions open". */
export function sessionsOpen(count: number): string {
  return `${count} ${count === 1 ? "session" : "sessions"} open`;
}
