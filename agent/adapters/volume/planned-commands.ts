import type { LabelClaims } from "../../core/volume/label.ts";
import type { VolumeOrder } from "../../core/volume/order.ts";
import type { VolumePlan } from "../../core/volume/volume-plan.ts";
import type { Command } from "./command.ts";
import { closeMapping, dumpHeader, importLabel, luksFormat, openMapping, readUuid, tryKey } from "./cryptsetup.ts";
import { checkExt4Whole, describeExt4, growExt4, preenExt4, repairExt4 } from "./ext4.ts";
import { showTable } from "./mapping-table.ts";
import { makeFilesystem } from "./settle-filesystem.ts";
import { growXfs, mountXfs, repairXfs, unmount } from "./xfs.ts";

export interface PlannedCommand {
  readonly command: Command;
  /** Absent: always. */
  readonly onlyIf?: string;
}

/** Where a new random uuid will stand. */
const NEW_UUID = "NEW-UUID";
/** Where the copy of the header will lie that is judged and opens the volume. */
const HEADER_COPY = "HEADER-COPY";

export interface PlannedPlaces {
  /** Of the open volume. */
  readonly mappingPath: string;
  /** Where a file system is looked at. */
  readonly lookDirectory: string;
}

/**
 * The commands that carrying a plan out would run, in order, by the same functions that make them
 * then. Looking is over already.
 */
export function plannedCommands(
  plan: VolumePlan,
  order: VolumeOrder,
  { mappingPath, lookDirectory }: PlannedPlaces,
): readonly PlannedCommand[] {
  switch (plan.is) {
    case "refuse":
    case "take-over":
      return [];
    case "close-leftover":
      return [{ command: closeMapping() }];
    case "format": {
      const { device } = plan;
      const filesystem = makeFilesystem(order.filesystem, mappingPath, { hasOldJournal: false });
      const made = [filesystem, importLabel(device.path)];
      const commands = [luksFormat(device, NEW_UUID), ...opening(device.path), ...made];
      return commands.map((command) => ({ command }));
    }
    case "open":
      return [
        ...opening(plan.device.path).map((command) => ({ command })),
        ...settling(plan.label, mappingPath, lookDirectory),
      ];
    default:
      return plan satisfies never;
  }
}

function opening(path: string): readonly Command[] {
  const reading = [dumpHeader(HEADER_COPY), readUuid(HEADER_COPY), tryKey(HEADER_COPY)];
  return [...reading, openMapping(path, HEADER_COPY), showTable];
}

function settling({ filesystem, kind }: LabelClaims, path: string, lookDirectory: string): readonly PlannedCommand[] {
  const anew = {
    command: makeFilesystem(filesystem, path, { hasOldJournal: kind === "kept" }),
    onlyIf: "it is beyond repair",
  };
  if (filesystem === "ext4")
    return [
      { command: describeExt4(path) },
      { command: preenExt4(path), onlyIf: "it was not left in order" },
      { command: repairExt4(path), onlyIf: "that does not mend it" },
      anew,
      { command: checkExt4Whole(path), onlyIf: "the device has grown" },
      { command: growExt4(path), onlyIf: "the device has grown" },
    ];
  return [
    { command: mountXfs(path, lookDirectory) },
    { command: growXfs(lookDirectory) },
    { command: unmount(lookDirectory) },
    { command: repairXfs(path, { losingLog: false }), onlyIf: "it does not mount" },
    { command: repairXfs(path, { losingLog: true }), onlyIf: "its log cannot be replayed" },
    anew,
  ];
}
