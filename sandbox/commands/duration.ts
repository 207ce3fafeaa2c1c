import { InvalidArgumentError, Option } from "commander";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "500ms", "90s", "30m", "2h" → milliseconds. @throws {InvalidArgumentError} */
export function durationMs(text: string): number {
  const [, count, unit = ""] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (count === undefined || unitMs === undefined)
    throw new InvalidArgumentError("A time is wanted, such as 90s, 30m or 2h.");
  return Number(count) * unitMs;
}

/** An option that takes a time, in milliseconds for who reads it. `fallback` is shown as it is. */
export function durationOption(flags: string, description: string, fallback: string): Option {
  return new Option(flags, description).argParser(durationMs).default(durationMs(fallback), fallback);
}
