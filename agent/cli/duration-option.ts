import { InvalidArgumentError } from "commander";
import { durationMs } from "./config/duration.ts";

/** For an option's value. @throws {InvalidArgumentError} */
export function durationOption(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new InvalidArgumentError("A time with its unit is wanted, such as 90s, 10m or 1h30m.");
  return ms;
}
