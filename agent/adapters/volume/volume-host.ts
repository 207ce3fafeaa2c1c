import { join } from "node:path";
import type { FormattingIntent, OpenRecord } from "../../core/volume/inventory.ts";
import type { RunCommand } from "./command.ts";
import { kernelMappings, type Mappings } from "./mapping.ts";
import { intentFile, openFile, type RecordFile } from "./records.ts";
import { runCommand } from "./run-command.ts";

/** The machine, as far as a volume is concerned. */
export interface VolumeHost {
  readonly run: RunCommand;
  readonly mappings: Mappings;
  readonly bootId: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** On tmpfs, of root's: a header's copy for a moment, and where a file system is mounted to be looked at. */
  readonly scratchDir: string;
  readonly lockFile: string;
  readonly labelKeyFile: string;
  readonly intent: RecordFile<FormattingIntent>;
  readonly opened: RecordFile<OpenRecord>;
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
    now: () => Date.now(),
    scratchDir: volumeRuntimeDir,
    lockFile: join(volumeRuntimeDir, "lock"),
    labelKeyFile: join(volumeStateDir, "label-key"),
    intent: intentFile(join(volumeStateDir, "formatting.json")),
    opened: openFile(join(volumeRuntimeDir, "open.json")),
  };
}
