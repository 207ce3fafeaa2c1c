import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import type { FormattingIntent, OpenRecord } from "../../core/volume/inventory.ts";
import { underLock } from "../../wire/lock.ts";
import type { RunCommand } from "./command.ts";
import { kernelMappings, type Mappings } from "./mapping.ts";
import { runCommand } from "./run-command.ts";
import { intentFile, openFile, type StateFile } from "./state-files.ts";

/** The machine, as far as a volume is concerned. */
export interface VolumeHost {
  readonly run: RunCommand;
  readonly mappings: Mappings;
  readonly bootId: string;
  /** Whether a disk's image may stand for a disk: where it is only looked at. */
  readonly images: boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
  /**
   * On tmpfs, of root's: a header's copy for a moment, and where a file system is mounted to be
   * looked at.
   */
  readonly scratchDir: string;
  readonly lockFile: string;
  readonly labelKeyFile: string;
  readonly intent: StateFile<FormattingIntent>;
  readonly opened: StateFile<OpenRecord>;
}

export interface VolumePlaces {
  readonly bootId: string;
  /** `<runtimeDir>/volume` */
  readonly volumeRuntimeDir: string;
  /** `<stateDir>/volume` */
  readonly volumeStateDir: string;
}

export function volumeHost({ bootId, volumeRuntimeDir, volumeStateDir }: VolumePlaces): VolumeHost {
  return {
    run: runCommand,
    mappings: kernelMappings(runCommand),
    bootId,
    images: false,
    now: () => Date.now(),
    scratchDir: volumeRuntimeDir,
    lockFile: join(volumeRuntimeDir, "lock"),
    labelKeyFile: join(volumeStateDir, "label-key"),
    intent: intentFile(join(volumeStateDir, "formatting.json")),
    opened: openFile(join(volumeRuntimeDir, "open.json")),
  };
}

/**
 * Runs `work` while no other order for the volume runs, in any process. @throws {AgentError}
 * "cache.busy" (retryable)
 */
export function lockedVolume<T>(
  { lockFile: file }: VolumeHost,
  waitS: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const busy = (cause?: unknown): AgentError =>
    new AgentError("cache.busy", `Another order for the cache volume is under way, which holds ${file}`, {
      retryable: true,
      cause,
    });
  return underLock({ file, waitS, signal, busy }, work);
}
