import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import type { RawLine } from "../../core/log-entry.ts";
import { Lines } from "../../wire/lines.ts";

const LINE_MAX_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 300;

/**
 * The lines of a file, from its beginning; with `follow` also what is added, until `signal`. One
 * that was cut short is read from its beginning again. A last line without its end is left for
 * later. @throws {AgentError} "logs.unreadable"
 */
export async function* fileLines(
  path: string,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<RawLine, void, undefined> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let lines = new Lines(LINE_MAX_BYTES);
    for (let at = 0; !signal.aborted; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
      at += bytesRead;
      for (const text of lines.push(Buffer.from(buffer.subarray(0, bytesRead)))) yield { text };
      if (bytesRead > 0) continue;
      if (!follow) return;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if ((await file.stat()).size >= at) continue;
      at = 0;
      lines = new Lines(LINE_MAX_BYTES);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, cause: unknown): AgentError {
  return new AgentError("logs.unreadable", `The log ${path} cannot be read`, { retryable: true, cause });
}
