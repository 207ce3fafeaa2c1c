import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BenchFailed } from "../failure.ts";
import { packageDir } from "../process/toolchain.ts";

const START = "<!-- figures: written by npm run bench -- gateway --write-readme -->";
const END = "<!-- end of figures -->";

/**
 * Puts `text` between the markers of bench/README.md. @throws {BenchFailed} If they are not there.
 */
export async function writeReadme(text: string): Promise<void> {
  const file = join(packageDir, "bench", "README.md");
  await writeFile(file, withFigures(await readFile(file, "utf8"), text));
}

export function withFigures(readme: string, text: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END, start);
  if (start < 0 || end < 0) throw new BenchFailed("bench/README.md has lost the markers between which figures stand.");
  return `${readme.slice(0, start + START.length)}\n\n${text}\n\n${readme.slice(end)}`;
}
