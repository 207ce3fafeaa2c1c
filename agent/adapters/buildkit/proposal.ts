import { constants, open } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";

/** A configuration with as many and as long mirrors as the contract allows has 1.2 MB. */
export const PROPOSAL_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads a file in a directory of a less trusted process: it may be anything. Not through a link,
 * not from a pipe or a device, and no more than is sensible. Undefined where there is none. @throws
 * {AgentError} "buildkit.config-refused"
 */
export async function readProposal(file: string): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw refused(file, "it cannot be opened without following a link", cause);
  });
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw refused(file, "it is no regular file");
    // Whatever it was when we looked, no more than this is read.
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(PROPOSAL_MAX_BYTES + 1), 0, PROPOSAL_MAX_BYTES + 1, 0);
    if (bytesRead > PROPOSAL_MAX_BYTES) throw refused(file, `it is larger than ${PROPOSAL_MAX_BYTES} bytes`);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function refused(file: string, because: string, cause?: unknown): AgentError {
  return new AgentError("buildkit.config-refused", `The proposed configuration ${file} was refused: ${because}`, {
    retryable: false,
    cause,
  });
}
