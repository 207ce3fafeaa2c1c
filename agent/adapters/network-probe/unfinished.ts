import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PROBE_CONTAINER } from "../../core/network/conflist.ts";
import { anyText, type Field, fromJson, object } from "../../wire/fields.ts";
import { type Attachment, configurationList, detach } from "./cni.ts";

/**
 * What has been put on the builds' network and not been taken off it: a file for each, so that
 * whoever comes after a killed verifier can give its leases back. All else goes with the
 * namespaces, and these with their processes.
 */
export class Unfinished {
  readonly #dir: string;
  readonly #mine = new Set<string>();

  /** `dir`: of root, on memory; it is made. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Noted before it is attached. */
  async note(attachment: Attachment): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    this.#mine.add(attachment.containerId);
    await writeFile(this.#file(attachment.containerId), JSON.stringify(attachment), { mode: 0o600 });
  }

  async done({ containerId }: Attachment): Promise<void> {
    await rm(this.#file(containerId), { force: true });
    this.#mine.delete(containerId);
  }

  /** No longer under way here: the next sweep takes it off. */
  abandon({ containerId }: Attachment): void {
    this.#mine.delete(containerId);
  }

  /**
   * Takes off what no living verifier is busy with. @throws {AgentError} "isolation.not-verified"
   */
  async sweep(signal: AbortSignal): Promise<void> {
    const files = (await readdir(this.#dir).catch(() => [])).filter(isNote);
    for (const file of files) {
      const containerId = file.slice(0, -SUFFIX.length);
      if (this.#mine.has(containerId) || isAnothers(containerId)) continue;
      const attachment = attachmentOf(await readFile(this.#file(containerId), "utf8").catch(() => ""));
      // One that was cut short was written before anything was attached.
      if (attachment !== undefined) await detach(attachment, "", signal);
      await rm(this.#file(containerId), { force: true });
    }
  }

  #file(containerId: string): string {
    return join(this.#dir, `${containerId}${SUFFIX}`);
  }
}

const SUFFIX = ".json";

/** Others may keep files there too. */
function isNote(name: string): boolean {
  return name.startsWith(`${PROBE_CONTAINER}-`) && name.endsWith(SUFFIX);
}

/** Unlike any other on this machine, and it tells which process it is of. */
export function containerIdFor(which: string, startedMs: number): string {
  return `${PROBE_CONTAINER}-${process.pid}-${startedMs.toString(36)}-${which}`;
}

/** Of a process that lives, and is not this one. */
function isAnothers(containerId: string): boolean {
  const pid = Number(containerId.slice(PROBE_CONTAINER.length + 1).split("-")[0]);
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const note: Field<Attachment> = object({ containerId: anyText, binaryDir: anyText, list: configurationList });

function attachmentOf(text: string): Attachment | undefined {
  try {
    return fromJson(note, text);
  } catch {
    return undefined;
  }
}
