import { readFile } from "node:fs/promises";
import { replaceFile } from "../../files/whole-file.ts";
import type { Log } from "../../ports/log.ts";

/**
 * Notes in `file` that this process starts. Returns how many did in this boot before it; what fails
 * is logged and counts as none: a start never waits for a count.
 */
export async function countStart(file: string, bootId: string, log: Log): Promise<number> {
  try {
    const before = await startsBefore(file, bootId);
    await replaceFile(file, JSON.stringify({ bootId, starts: before + 1 }));
    return before;
  } catch (err) {
    log.warn({ file, err }, "starts.not-counted");
    return 0;
  }
}

async function startsBefore(file: string, bootId: string): Promise<number> {
  const found = await readFile(file, "utf8").then(
    (text) => parsed(text),
    () => undefined,
  );
  return found?.bootId === bootId && Number.isSafeInteger(found.starts) ? found.starts : 0;
}

function parsed(text: string): { readonly bootId: unknown; readonly starts: number } | undefined {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== "object" || found === null || !("bootId" in found) || !("starts" in found)) return undefined;
    return { bootId: found.bootId, starts: Number(found.starts) };
  } catch {
    return undefined;
  }
}
