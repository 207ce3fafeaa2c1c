import type { Figures } from "./measures/figures.ts";
import { FIGURE_IDS, FIGURES } from "./measures/figures.ts";

/** The result: for a person, or to be piped on. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** How it is going: standard error. */
export function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

/** "812 MB/s, 1.21 s/GB" */
export function inShort(figures: Figures): string {
  return FIGURE_IDS.flatMap((id) => {
    const value = figures[id];
    return value === undefined ? [] : [`${value.toFixed(FIGURES[id].digits)} ${FIGURES[id].unit}`.trim()];
  }).join(", ");
}
