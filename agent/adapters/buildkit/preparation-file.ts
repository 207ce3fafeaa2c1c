import { readFile } from "node:fs/promises";
import { replaceFile } from "../../files/whole-file.ts";
import type { Preparation } from "../../ports/buildkit.ts";
import { anyText, type Field, finite, fromJson, list, object, oneOf, optional } from "../../wire/fields.ts";

const checked = object({
  database: anyText,
  sizeBytes: finite(),
  state: oneOf(["sound", "missing", "damaged", "unchecked"]),
  because: optional(anyText),
  tookMs: finite(),
});

const preparation: Field<Preparation> = object({
  schemaVersion: oneOf([1]),
  preparedAtMs: finite(),
  tookMs: finite(),
  lastEnd: oneOf(["first", "clean", "unclean"]),
  configuration: optional(anyText),
  network: optional(anyText),
  checked: list(checked),
  quarantined: optional(object({ path: anyText, what: oneOf(["databases", "cache"]), because: anyText })),
});

/** Whole or not at all, and readable for whoever may enter the directory. */
export async function writePreparation(file: string, told: Preparation): Promise<void> {
  await replaceFile(file, `${JSON.stringify(told)}\n`, { mode: 0o644 });
}

/**
 * The report of buildkitd's last start; undefined where there is none, or none that this version
 * understands.
 */
export async function readPreparation(file: string): Promise<Preparation | undefined> {
  try {
    return fromJson(preparation, await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}
