import { open } from "node:fs/promises";
import { z } from "zod";
import { replaceFile, setAside } from "../../files/whole-file.ts";
import type { Log } from "../../ports/log.ts";
import type { KeptTroubles, OwnProcess, TroubleStore } from "../../ports/trouble-store.ts";
import { lastEnd } from "./last-end.ts";
import { troubleShape } from "./trouble-shape.ts";

/** Ten troubles with ten builds each come to some 20 KB. */
const MOST_BYTES = 64 * 1024;

const File = z.strictObject({
  version: z.literal(1),
  bootId: z.string(),
  endedInOrder: z.boolean(),
  troubles: z.array(z.strictObject(troubleShape)).max(10),
});

/**
 * A file on tmpfs, replaced by rename: whole, or as it was. One that cannot be read is set aside as
 * `<file>.damaged`, for whoever wants to know why.
 */
export function troubleFile({
  file,
  ends,
  log,
}: {
  readonly file: string;
  /** Where the manager of each process writes how it ended (last-end.ts). */
  readonly ends: Readonly<Record<OwnProcess, string>>;
  readonly log: Log;
}): TroubleStore {
  return {
    lastEnd: (process, sinceMs) => lastEnd(ends[process], sinceMs),
    async load(bootId) {
      try {
        const text = await readBounded(file);
        if (text === undefined) return undefined;
        const { bootId: keptIn, endedInOrder, troubles } = File.parse(JSON.parse(text));
        if (keptIn !== bootId) return undefined;
        return { endedInOrder, troubles };
      } catch (err) {
        log.warn({ file, err }, "troubles.file-damaged");
        await setAside(file, `${file}.damaged`).catch(() => undefined);
        return undefined;
      }
    },
    async save(bootId: string, { troubles, endedInOrder }: KeptTroubles) {
      const text = JSON.stringify({ version: 1, bootId, endedInOrder, troubles });
      try {
        await replaceFile(file, text, { directoryMode: 0o750 });
      } catch (err) {
        log.warn({ file, err }, "troubles.not-kept");
      }
    },
  };
}

/** Undefined if there is none. @throws where it is longer than any of ours */
async function readBounded(file: string): Promise<string | undefined> {
  const handle = await open(file, "r").catch((err: unknown) => {
    if (err instanceof Error && "code" in err && err.code === "ENOENT") return undefined;
    throw err;
  });
  if (handle === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0);
    if (bytesRead > MOST_BYTES) throw new Error(`longer than ${MOST_BYTES} bytes`);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
