import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import type { FormattingIntent, OpenRecord } from "../../core/volume/inventory.ts";
import { readIfThere, removeFile, replaceFile } from "../../files/whole-file.ts";

const IntentSchema = z.object({
  version: z.literal(1),
  identity: z.string().exactOptional(),
  sizeBytes: z.number(),
  luksUuid: z.string(),
  found: z.enum(["blank", "ours"]),
  beganMs: z.number(),
});

const OpenSchema = z.object({
  version: z.literal(1),
  bootId: z.string(),
  device: z.string(),
  luksUuid: z.string(),
  kind: z.enum(["per-boot", "kept"]),
  owner: z.object({ orgId: z.string(), projectId: z.string(), architecture: z.string() }),
  volumeId: z.string(),
  filesystem: z.enum(["ext4", "xfs"]),
  openedMs: z.number(),
});

/** A JSON file of root's that says one thing; none: nothing is said. */
export class StateFile<T extends object> {
  readonly #path: string;
  readonly #schema: z.ZodType<T>;

  constructor(path: string, schema: z.ZodType<T>) {
    this.#path = path;
    this.#schema = schema;
  }

  /**
   * Undefined where there is none, and where it is damaged: what it does not say cannot allow
   * anything. @throws {AgentError} "cache.record-unreadable"
   */
  async read(): Promise<T | undefined> {
    try {
      const text = await readIfThere(this.#path);
      return text === undefined ? undefined : this.#parsed(text.toString("utf8"));
    } catch (cause) {
      throw new AgentError("cache.record-unreadable", `Cannot read ${this.#path}: it is root's`, {
        retryable: true,
        cause,
      });
    }
  }

  async write(record: T): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify({ version: 1, ...record })}\n`, { directoryMode: 0o700 });
  }

  async forget(): Promise<void> {
    if ((await readIfThere(this.#path)) !== undefined) await removeFile(this.#path);
  }

  #parsed(text: string): T | undefined {
    try {
      return this.#schema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }
}

export function intentFile(path: string): StateFile<FormattingIntent> {
  return new StateFile<FormattingIntent>(path, IntentSchema);
}

export function openFile(path: string): StateFile<OpenRecord> {
  return new StateFile<OpenRecord>(path, OpenSchema);
}
