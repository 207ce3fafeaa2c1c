import { BY_ID, type DeviceReference } from "../../core/volume/device-reference.ts";
import type { Command } from "./command.ts";

/**
 * Longer than udev's own patience with a rule of a slow disk would keep a boot waiting for nothing.
 */
const SETTLE_S = 20;

/**
 * Waits until udev has handled what it knows of. 1: it has not, in time; what is missing then is
 * looked for again later.
 */
export const settle: Command = {
  program: "udevadm",
  args: ["settle", `--timeout=${SETTLE_S}`],
  stdin: "nothing",
  answers: [0, 1],
  deadlineMs: (SETTLE_S + 5) * 1_000,
};

/** All that udev knows, in its own format. */
export const exportDatabase: Command = {
  program: "udevadm",
  args: ["info", "--export-db"],
  stdin: "nothing",
  answers: [0],
  deadlineMs: 30_000,
};

/**
 * The devices that a reference fits, by the kernel's names: usually one. A partition inherits its
 * disk's properties, so it counts only where its disk does not fit. @param database What
 * exportDatabase prints: a paragraph a device, of lines "N: name", "S: link", "E: PROPERTY=value",
 * "P: path in /sys".
 */
export function devicesOf(reference: DeviceReference, database: string): readonly string[] {
  const fitting = database
    .split(/\n\s*\n/)
    .map(readEntry)
    .filter((entry) => entry.isBlock && fits(reference, entry));
  return fitting
    .filter(({ sysPath }) => !fitting.some((other) => sysPath.startsWith(`${other.sysPath}/`)))
    .map(({ name }) => `/dev/${name}`);
}

interface UdevEntry {
  readonly name: string;
  readonly sysPath: string;
  readonly isBlock: boolean;
  readonly links: ReadonlySet<string>;
  readonly properties: ReadonlySet<string>;
}

function readEntry(paragraph: string): UdevEntry {
  const lines = paragraph.split("\n");
  const all = (prefix: string): readonly string[] =>
    lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
  const properties = new Set(all("E: "));
  return {
    name: all("N: ")[0] ?? "",
    sysPath: all("P: ")[0] ?? "",
    isBlock: properties.has("SUBSYSTEM=block"),
    links: new Set(all("S: ")),
    properties,
  };
}

function fits(reference: DeviceReference, { links, properties }: UdevEntry): boolean {
  switch (reference.by) {
    case "file":
      return false;
    case "id":
      return links.has(`${BY_ID.slice("/dev/".length)}${reference.id}`);
    case "udev":
      return properties.has(`${reference.property}=${reference.value}`);
    default:
      return reference satisfies never;
  }
}
