import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../../files/whole-file.ts";
import type { Log } from "../../ports/log.ts";

/** What tailscaled does not know of itself: under which grant it joined. It holds no secret. */
export interface Remembered {
  readonly grantId: string;
  /** That it must have. */
  readonly tags: readonly string[];
  /** The coordination server's URL. */
  readonly server: string;
  /** "" while it is not known. */
  readonly nodeId: string;
}

const Memory = z.strictObject({
  version: z.literal(1),
  grantId: z.string().min(1),
  tags: z.array(z.string()),
  server: z.string(),
  nodeId: z.string(),
});

/**
 * A file beside the daemon's state, so that both are lost with the machine's memory. It
 * is a convenience: what fails is logged, never thrown, because a node that nobody remembers is
 * left.
 */
export class MembershipMemory {
  readonly #file: string;
  readonly #log: Log;

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  async recall(): Promise<Remembered | undefined> {
    const text = await readFile(this.#file, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return Memory.parse(JSON.parse(text));
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "tailnet.memory-damaged");
      return undefined;
    }
  }

  async keep({ grantId, tags, server, nodeId }: Remembered): Promise<void> {
    const text = JSON.stringify({ version: 1, grantId, tags, server, nodeId });
    try {
      await replaceFile(this.#file, text, { directoryMode: 0o700 });
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "tailnet.not-remembered");
    }
  }

  async forget(): Promise<void> {
    try {
      await rm(this.#file, { force: true });
    } catch (err) {
      this.#log.warn({ file: this.#file, err }, "tailnet.not-forgotten");
    }
  }
}
