import type { FileHandle } from "node:fs/promises";
import { AgentError } from "../../../core/errors.ts";
import { NotThere, type Piece, type Pieces } from "../collector.ts";
import { openFile } from "../read-file.ts";
import { FIRST_NUMBER, PART_BYTES } from "./journal.ts";

const NEWLINE = 0x0a;

/**
 * The launcher's log, its end first, so that a bound takes from the oldest. `findFile`: where its
 * standard output goes, if that is a file and there is a launcher.
 */
export function launcherLog(findFile: () => Promise<string | undefined>, maxBytes: number): Pieces {
  return {
    kind: "pieces",
    path: "logs/launcher",
    what: "the launcher's log, on a machine without systemd, where it goes to a file; counting down, too",
    isFreeText: true,
    maxBytes,
    collect: () => fromTheEnd(findFile, maxBytes),
  };
}

async function* fromTheEnd(
  findFile: () => Promise<string | undefined>,
  maxBytes: number,
): AsyncGenerator<Piece, void, undefined> {
  const path = await findFile();
  if (path === undefined)
    throw new NotThere(
      "No launcher runs here, or its log goes to a terminal or a pipe, and is kept by whoever reads that",
    );
  await using file = await openFile(path);
  const { size } = await file.stat();
  const floor = Math.max(0, size - maxBytes);
  // Of a line that is longer than a piece nothing is taken: half of it may be half a secret.
  let isRestMissing = false;
  for (let [end, number] = [size, FIRST_NUMBER]; end > floor; number -= 1) {
    const start = Math.max(floor, end - PART_BYTES);
    const bytes = await bytesBetween(file, start, end);
    const begun = start === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    const isInside = start > 0 && (begun === 0 || begun === bytes.length);
    const whole = bytes.subarray(begun, isRestMissing ? bytes.lastIndexOf(NEWLINE) + 1 : bytes.length);
    if (!isInside && whole.length > 0) yield { name: `${number}.log`, bytes: whole };
    isRestMissing = isInside;
    end = isInside || start === floor ? start : start + begun;
  }
  if (floor > 0)
    throw new AgentError("bundle.too-long", `is longer: of its last ${maxBytes} bytes are the whole lines here`, {
      retryable: false,
    });
}

async function bytesBetween(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}
