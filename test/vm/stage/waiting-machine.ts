import { rmSync } from "node:fs";
import { join } from "node:path";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import { overlayOn } from "../../../tools/image/guest/disks.mjs";
import { Guest } from "../machine/guest.ts";
import { provision } from "../machine/provision.ts";
import { bootGuest } from "./boot-guest.ts";
import { nextConsoleLog } from "./logs.ts";
import { untilSays } from "./told.ts";
import { REF, type WorkPlace, workPlace } from "./work-place.ts";

/** Programs of which the first start would be the one that somebody waits for. */
const WARM_UP = [
  "builder-agent volume check",
  "/usr/lib/builder-agent/bin/buildkitd --version",
  "/usr/lib/builder-agent/bin/bbolt version",
  "cryptsetup --version",
  "runc --version",
];

/** A machine whose agent runs and has a control plane, and waits for a volume: asleep. */
export interface WaitingMachine {
  readonly place: WorkPlace;
  readonly parts: Guest["parts"];
  readonly memoryFile: string;
}

let waiting: Promise<WaitingMachine> | undefined;
let copies = 0;

/**
 * A copy of it, awake, its clock right. What earlier copies wrote to their own disks is forgotten.
 * It is made once for this process.
 */
export async function wakeCopy(scope: Scope): Promise<{ readonly place: WorkPlace; readonly guest: Guest }> {
  waiting ??= fallAsleep();
  const { place, parts, memoryFile } = await waiting;
  const { plane, guestDir } = place;
  await plane.until(() => plane.machines().every(({ link }) => link === undefined), {
    what: "the last copy to be gone",
  });
  for (const machine of plane.machines()) machine.observed = undefined;
  copies += 1;
  const rootDisk = join(guestDir, `copy-${copies}.qcow2`);
  scope.defer(() => rmSync(rootDisk, { force: true }));
  await overlayOn(parts.rootDisk, rootDisk);
  scope.defer(place.proveNoGuestLeft);
  const guest = scope.own(new Guest({ ...parts, rootDisk, serialFile: nextConsoleLog() }));
  await guest.wake(memoryFile);
  return { place, guest };
}

async function fallAsleep(): Promise<WaitingMachine> {
  const scope = new Scope();
  const place = await workPlace(scope);
  // Whoever wakes copies does not know which is the last: what they are made of goes with this
  // process.
  process.once("exit", () => {
    for (const dir of [place.guestDir, place.clientDir]) rmSync(dir, { recursive: true, force: true });
  });
  const guest = await bootGuest(place, { disks: [], given: provision(place.plane, REF) }, scope);
  await untilSays(place.plane, "cache-volume", /neither the control plane nor cacheVolume.device names a device/);
  await guest.run(
    `for program in ${WARM_UP.map((line) => `'${line}'`).join(" ")}; do $program >/dev/null 2>&1; done; sync`,
  );
  const memoryFile = join(place.guestDir, "memory");
  await guest.fallAsleep(memoryFile);
  return { place, parts: guest.parts, memoryFile };
}
