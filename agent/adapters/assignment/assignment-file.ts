import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import { readIfThere, replaceFile } from "../../files/whole-file.ts";
import type { AssignmentStore } from "../../ports/assignment-store.ts";

/** Not strict: a newer release may have kept more, and nobody writes it anew within a boot. */
const File = z.object({
  version: z.literal(1),
  bootId: z.string(),
  orgId: z.string(),
  projectId: z.string(),
  architecture: z.string(),
  debugGrantKey: z.base64().exactOptional(),
});

/** A file on tmpfs, replaced whole. One of another boot is as none. */
export function assignmentFile(file: string): AssignmentStore {
  return {
    async load(bootId) {
      const kept = await read(file);
      if (kept === undefined || kept.bootId !== bootId) return undefined;
      const { orgId, projectId, architecture, debugGrantKey } = kept;
      return {
        orgId,
        projectId,
        architecture,
        ...(debugGrantKey !== undefined && { debugGrantKey: new Uint8Array(Buffer.from(debugGrantKey, "base64")) }),
      };
    },
    async save(bootId, { debugGrantKey: key, ...assignment }) {
      const debugGrantKey = key && Buffer.from(key).toString("base64");
      try {
        const text = JSON.stringify({ version: 1, bootId, ...assignment, debugGrantKey });
        await replaceFile(file, text, { directoryMode: 0o750 });
      } catch (cause) {
        throw new AgentError("assignment.not-kept", `${file} cannot be written`, { retryable: true, cause });
      }
    },
  };
}

async function read(file: string): Promise<z.infer<typeof File> | undefined> {
  try {
    const bytes = await readIfThere(file);
    return bytes && File.parse(JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw new AgentError(
      "assignment.unreadable",
      `${file} does not tell whose machine this boot began as: drain this machine and boot it anew`,
      { retryable: false, cause },
    );
  }
}
