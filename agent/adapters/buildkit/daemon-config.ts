import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { BuildkitPlaces } from "../../core/buildkit-config.ts";
import { deviations } from "../../core/buildkit-guard.ts";
import { AgentError } from "../../core/errors.ts";
import { replaceFile } from "../../files/whole-file.ts";
import { dryRun } from "./dry-run.ts";
import { LOOPBACK_ONLY } from "./loopback-network.ts";
import { fromToml, toToml } from "./toml.ts";

/**
 * The configuration in the file that buildkitd reads. It is replaced whole, and only by one that
 * this machine allows and that buildkitd itself takes; until then the old one stays.
 */
export class DaemonConfig {
  readonly file: string;
  readonly #binary: string;
  readonly #places: BuildkitPlaces;

  constructor(file: string, binary: string, places: BuildkitPlaces) {
    this.file = file;
    this.#binary = binary;
    this.#places = places;
  }

  /** Undefined where there is none yet. */
  read(): Promise<string | undefined> {
    return readFile(this.file, "utf8").catch(() => undefined);
  }

  /**
   * The same again costs nothing. The first of a boot is not tried beforehand: there is no other to
   * go on with, and the start that follows says the same. @throws {AgentError}
   * "buildkit.config-refused"
   */
  async replace(toml: string, signal: AbortSignal): Promise<void> {
    const accepted = this.#accept(toml);
    const inForce = await this.read();
    if (accepted === inForce) return;
    await mkdir(this.#places.rootDir, { recursive: true, mode: 0o700 });
    // The trace socket lies here, and anybody who reaches it may write to it.
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
    if (this.#places.bridged !== true) await writeFile(this.#places.cniConfigPath, LOOPBACK_ONLY, { mode: 0o600 });
    const candidate = `${this.file}.candidate`;
    try {
      await writeFile(candidate, accepted, { mode: 0o600 });
      if (inForce !== undefined) await dryRun(this.#binary, candidate, signal);
      await replaceFile(this.file, accepted);
    } finally {
      await rm(candidate, { force: true });
    }
  }

  /**
   * Written anew from what we understood of it: two readers of one text might not understand the
   * same.
   */
  #accept(toml: string): string {
    const config = parsed(toml);
    const wrong = deviations(config, this.#places);
    if (wrong.length > 0) throw refused(wrong.join("; "));
    return toToml(config);
  }
}

function parsed(toml: string): Readonly<Record<string, unknown>> {
  try {
    return fromToml(toml);
  } catch (cause) {
    throw refused("it is not TOML", cause);
  }
}

function refused(because: string, cause?: unknown): AgentError {
  return new AgentError("buildkit.config-refused", `The configuration for buildkitd was refused: ${because}`, {
    retryable: false,
    cause,
  });
}
