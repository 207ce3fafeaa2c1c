import { readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../../files/whole-file.ts";
import type { Preparation } from "../../ports/buildkit.ts";

const CheckedSchema = z.object({
  database: z.string(),
  sizeBytes: z.number(),
  state: z.enum(["sound", "missing", "damaged", "unchecked"]),
  because: z.string().exactOptional(),
  tookMs: z.number(),
});

const PreparationSchema = z.object({
  schemaVersion: z.literal(1),
  preparedAtMs: z.number(),
  tookMs: z.number(),
  lastEnd: z.enum(["first", "clean", "unclean"]),
  configuration: z.string().exactOptional(),
  network: z.string().exactOptional(),
  checked: z.array(CheckedSchema),
  quarantined: z
    .object({ path: z.string(), what: z.enum(["databases", "cache"]), because: z.string() })
    .exactOptional(),
});

/** Whole or not at all, and readable for whoever may enter the directory. */
export async function writePreparation(file: string, preparation: Preparation): Promise<void> {
  await replaceFile(file, `${JSON.stringify(preparation)}\n`, { mode: 0o644 });
}

/**
 * The report of buildkitd's last start; undefined where there is none, or none that this version
 * understands.
 */
export async function readPreparation(file: string): Promise<Preparation | undefined> {
  try {
    return PreparationSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}
