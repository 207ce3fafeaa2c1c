import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import { readIfThere, replaceFile } from "../../files/whole-file.ts";
import type { UsedGrants } from "../../ports/debug-terminal.ts";

const File = z.strictObject({ version: z.literal(1), used: z.array(z.string()) });

/** Of a boot. A machine that gives more is not one that is debugged. */
const GRANTS_MAX = 10_000;

/**
 * A file on tmpfs, replaced whole: it outlives this process, and with the machine's memory the
 * machine's id is gone, too, for which the grants were.
 */
export function usedGrants(file: string): UsedGrants {
  let used: Set<string> | undefined;
  // One write at a time, and each has all that was used by then.
  let written: Promise<unknown> = Promise.resolve();
  const recall = async (): Promise<Set<string>> => {
    used ??= await read(file);
    return used;
  };
  return {
    has: async (grantId) => (await recall()).has(grantId),
    async add(grantId) {
      const before = await recall();
      if (before.has(grantId) || before.size >= GRANTS_MAX) throw notKept(`${file} has it, or is full`);
      // From here on it is used in this process, also if it cannot be written.
      before.add(grantId);
      const text = (): string => JSON.stringify({ version: 1, used: [...before] });
      const mine = written.then(() => replaceFile(file, text(), { directoryMode: 0o700 }));
      written = mine.catch(() => undefined);
      try {
        await mine;
      } catch (cause) {
        throw notKept(`${file} cannot be written`, cause);
      }
    },
  };
}

async function read(file: string): Promise<Set<string>> {
  try {
    const bytes = await readIfThere(file);
    return new Set(bytes === undefined ? [] : File.parse(JSON.parse(bytes.toString("utf8"))).used);
  } catch (cause) {
    throw new AgentError(
      "debug-grants.unreadable",
      `${file} does not tell which debug grants were used: remove it once none of them is good any more`,
      { retryable: false, cause },
    );
  }
}

function notKept(why: string, cause?: unknown): AgentError {
  return new AgentError("debug-grants.not-kept", `It cannot be noted that the debug grant is used: ${why}`, {
    retryable: false,
    cause,
  });
}
