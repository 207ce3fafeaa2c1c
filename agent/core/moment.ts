/** As programs and people both read a moment, RFC 3339 to the second: "2026-01-02T03:04:05Z". */
export function rfc3339(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 19)}Z`;
}
