import { open } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { isHeaderName, isHeaderValue } from "../../core/traces/target.ts";

/** A few tokens; a larger file is some other file. */
const FILE_MAX_BYTES = 64 * 1024;

/**
 * "Name: value", a line each. A line that is not right is told by its number, never by what is in
 * it.
 * @throws {AgentError} "traces.bad-file", retryable: the file may be replaced.
 */
export async function readHeaders(file: string): Promise<ReadonlyMap<string, Secret>> {
  const text = await readSmallFile(file);
  const lines = text.split("\n").map((line, index) => ({ text: line.trim(), number: index + 1 }));
  return new Map(
    lines
      .filter((line) => line.text !== "")
      .map((line) => {
        const [, name = "", value = ""] = /^([^:\s]+):\s*(.*)$/.exec(line.text) ?? [];
        if (isHeaderName(name) && isHeaderValue(value)) return [name, new Secret(value)] as const;
        throw bad(file, `has no header that may be set in line ${line.number}: it takes "Name: value"`);
      }),
  );
}

/** @throws {AgentError} "traces.bad-file" */
export async function readSmallFile(file: string): Promise<string> {
  try {
    await using opened = await open(file);
    const bytes = Buffer.alloc(FILE_MAX_BYTES + 1);
    const { bytesRead } = await opened.read(bytes);
    if (bytesRead > FILE_MAX_BYTES) throw bad(file, `is larger than ${FILE_MAX_BYTES / 1024} KiB`);
    return bytes.toString("utf8", 0, bytesRead);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw bad(file, "cannot be read", cause);
  }
}

function bad(file: string, because: string, cause?: unknown): AgentError {
  return new AgentError("traces.bad-file", `The file ${file} ${because}`, { retryable: true, cause });
}
