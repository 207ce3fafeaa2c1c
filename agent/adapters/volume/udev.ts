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
  const paths = new Set(fitting.map(({ sysPath }) => sysPath));
  return fitting
    .filter(({ sysPath }) => !directoriesOf(sysPath).some((directory) => paths.has(directory)))
    .map(({ name }) => `/dev/${name}`);
}

/** PATH_MAX: the kernel has none that is longer. */
const PATH_MAX_CHARS = 4_096;

function directoriesOf(path: string): readonly string[] {
  const whole = path.slice(0, PATH_MAX_CHARS);
  return [...whole.matchAll(/\//g)].map(({ index }) => whole.slice(0, index));
}

interface UdevEntry {
  readonly name: string;
  readonly sysPath: string;
  readonly isBlock: boolean;
  readonly links: ReadonlySet<string>;
  readonly properties: ReadonlySet<string>;
}

function readEntry(paragraph: string): UdevEntry {
  const [links, properties] = [new Set<string>(), new Set<string>()];
  let [name, sysPath]: (string | undefined)[] = [];
  for (const line of paragraph.split("\n")) {
    if (line.startsWith("E: ")) properties.add(line.slice(3));
    else if (line.startsWith("S: ")) links.add(line.slice(3));
    else if (line.startsWith("N: ")) name ??= line.slice(3);
    else if (line.startsWith("P: ")) sysPath ??= line.slice(3);
  }
  return { name: name ?? "", sysPath: sysPath ?? "", isBlock: properties.has("SUBSYSTEM=block"), links, properties };
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
