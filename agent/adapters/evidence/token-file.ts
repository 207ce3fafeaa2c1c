import { open } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { noEvidence } from "./no-evidence.ts";

/** Tokens are small; a larger file is some other file. */
const TOKEN_MAX_BYTES = 64 * 1024;

/**
 * The token in a file, without white space around it. Read at each call: Kubernetes and others
 * replace it.
 * @throws {AgentError} "identity.no-evidence": the file is missing, unreadable, empty, too large,
 * or has white space inside.
 */
export async function readToken(tokenFile: string, signal: AbortSignal): Promise<Secret> {
  const token = (await read(tokenFile, signal)).trim();
  if (token === "") throw badTokenFile(tokenFile, "is empty; wait for its token, or put one there");
  if (/\s/.test(token))
    throw badTokenFile(tokenFile, "holds white space inside its token; it must hold one token and nothing else");
  return new Secret(token);
}

export function badTokenFile(tokenFile: string, because: string, cause?: unknown): AgentError {
  return noEvidence(`The token file ${tokenFile} ${because}`, { cause });
}

async function read(tokenFile: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  try {
    await using file = await open(tokenFile);
    const bytes = Buffer.alloc(TOKEN_MAX_BYTES + 1);
    const { bytesRead } = await file.read(bytes);
    if (bytesRead > TOKEN_MAX_BYTES) throw badTokenFile(tokenFile, `is larger than ${TOKEN_MAX_BYTES / 1024} KiB`);
    return bytes.toString("utf8", 0, bytesRead);
  } catch (failure) {
    if (failure instanceof AgentError) throw failure;
    throw badTokenFile(tokenFile, "cannot be read", failure);
  }
}
