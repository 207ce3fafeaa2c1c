import { readFileSync, statSync } from "node:fs";
import { endInWords } from "../../core/last-end.ts";

/**
 * What a file on tmpfs says of how a process ended; undefined where it says nothing, or was written
 * before `sinceMs`, wall clock.
 */
export function lastEnd(file: string, sinceMs: number): string | undefined {
  try {
    return statSync(file).mtimeMs < sinceMs ? undefined : endInWords(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
