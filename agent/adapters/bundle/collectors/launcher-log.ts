import { type Collector, NotThere } from "../collector.ts";
import { openFile } from "../read-file.ts";

const CHUNK_BYTES = 64 * 1024;

/**
 * The end of the launcher's log. `findFile`: where its standard output goes, if that is a file and
 * there is a launcher.
 */
export function launcherLog(findFile: () => Promise<string | undefined>, maxBytes: number): Collector {
  return {
    kind: "stream",
    path: "logs/launcher",
    what: "the launcher's log, on a machine without systemd, where it goes to a file",
    isFreeText: true,
    maxBytes,
    collect: (signal) => endOfLog(findFile, maxBytes, signal),
  };
}

async function* endOfLog(
  findFile: () => Promise<string | undefined>,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const path = await findFile();
  if (path === undefined)
    throw new NotThere(
      "No launcher runs here, or its log goes to a terminal or a pipe, and is kept by whoever reads that",
    );
  await using file = await openFile(path);
  const { size } = await file.stat();
  let at = Math.max(0, size - maxBytes);
  let isLineBegun = at > 0;
  while (at < size && !signal.aborted) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, Math.min(CHUNK_BYTES, size - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const bytes = buffer.subarray(0, bytesRead);
    const from = isLineBegun ? bytes.indexOf("\n") + 1 : 0;
    if (isLineBegun && from === 0) continue;
    isLineBegun = false;
    yield bytes.subarray(from);
  }
}
