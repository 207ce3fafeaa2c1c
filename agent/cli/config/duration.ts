const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** More than anybody writes, so that no text costs more than it. */
const MOST_PARTS = 10;

/** The same as a regular expression of JSON Schema. */
export const DURATION_PATTERN = `^(\\d{1,9}(\\.\\d{1,3})?\\s*(ms|s|min|m|h|d)){1,${MOST_PARTS}}$`;

const PART = /(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min|m|h|d)/y;

/**
 * A length of time with its unit, in ms: "90s", "10m", "1h30m", "1.5h", "250ms". Undefined for any
 * other text, a bare number and more than ten parts included.
 */
export function durationMs(text: string): number | undefined {
  const trimmed = text.trim();
  let total = 0;
  PART.lastIndex = 0;
  for (let parts = 1; PART.lastIndex < trimmed.length; parts += 1) {
    if (parts > MOST_PARTS) return undefined;
    const [, count, unit = ""] = PART.exec(trimmed) ?? [];
    const unitMs = UNITS_MS[unit];
    if (count === undefined || unitMs === undefined) return undefined;
    total += Number(count) * unitMs;
  }
  return trimmed === "" ? undefined : Math.round(total);
}
