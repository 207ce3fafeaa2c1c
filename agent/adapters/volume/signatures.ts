import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { Signature } from "../../core/volume/inventory.ts";
import { type Command, QUICK_MS } from "./command.ts";

/** Every signature, with its place. Writes nothing. */
export function listSignatures(path: string): Command {
  const args = ["--no-act", "--json", "--output", "OFFSET,TYPE,USAGE", path];
  return { program: "wipefs", args, stdin: "nothing", answers: [0], deadlineMs: QUICK_MS };
}

/**
 * What the device is, as everybody else on the machine would judge. 2: nothing; 8: several things
 * at once.
 */
export function probe(path: string): Command {
  const args = ["--probe", "--output", "export", path];
  return { program: "blkid", args, stdin: "nothing", answers: [0, 2, 8], deadlineMs: QUICK_MS };
}

const AMBIVALENT = 8;

const ListSchema = z.object({
  signatures: z.array(z.object({ offset: z.string(), type: z.string(), usage: z.string().nullable() })),
});

/**
 * @param listed What listSignatures prints. @param probed What probe ends with. @throws
 *   {AgentError} "cache.tool-answer"
 */
export function readSignatures(
  listed: string,
  probed: { readonly code: number; readonly stdout: string },
): readonly Signature[] {
  const signatures = parse(listed).signatures.map(({ offset, type, usage }) => ({
    type,
    offset: Number(offset),
    isPartitionTable: usage === "partition-table",
  }));
  const known = new Set(signatures.map(({ type }) => type));
  const others = named(probed).filter(({ type }) => !known.has(type));
  return [...signatures, ...others].toSorted((a, b) => a.offset - b.offset);
}

function named({ code, stdout }: { readonly code: number; readonly stdout: string }): readonly Signature[] {
  if (code === AMBIVALENT) return [{ type: "several things at once", offset: 0, isPartitionTable: false }];
  const value = (key: string): string | undefined => new RegExp(`^${key}=(.+)$`, "m").exec(stdout)?.[1];
  const [type, table] = [value("TYPE"), value("PTTYPE")];
  return [
    ...(type === undefined ? [] : [{ type, offset: 0, isPartitionTable: false }]),
    ...(table === undefined ? [] : [{ type: table, offset: 0, isPartitionTable: true }]),
  ];
}

function parse(json: string): z.output<typeof ListSchema> {
  try {
    // Where there is none, some releases print nothing at all.
    return json.trim() === "" ? { signatures: [] } : ListSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new AgentError("cache.tool-answer", "wipefs answered something else than signatures in JSON", {
      retryable: true,
      cause,
    });
  }
}
