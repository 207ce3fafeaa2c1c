import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { agentUserData } from "../../../tools/image/guest/agent-user-data.mjs";
import { overlayOn } from "../../../tools/image/guest/disks.mjs";
import { makeSeed } from "../../../tools/image/guest/seed.mjs";
import type { DataDisk } from "../machine/data-disk.ts";
import { Guest } from "../machine/guest.ts";
import { idleMachine } from "../machine/idle-machine.ts";
import { bootImage } from "../machine/image.ts";
import { type Provision, writing } from "../machine/provision.ts";
import { makeSshKey } from "../machine/ssh-key.ts";
import { nextConsoleLog } from "./logs.ts";
import type { WorkPlace } from "./work-place.ts";

interface Wanted {
  readonly disks: readonly DataDisk[];
  /** What the machine is given. */
  readonly given: Provision;
}

/** A machine out of its box: the image, powered on for the first time, configured by cloud-init. */
export async function bootGuest(place: WorkPlace, { disks, given }: Wanted, scope: Scope): Promise<Guest> {
  const file = (name: string): string => join(place.guestDir, name);
  const sshPublicKey = await makeSshKey(file("key"));
  await makeSeed({ target: file("seed.iso"), userData: agentUserData({ ...given, sshPublicKey }) });
  await overlayOn(bootImage(), file("root.qcow2"));
  const own = { rootDisk: file("root.qcow2"), seed: file("seed.iso"), keyFile: file("key") };
  const guest = scope.own(new Guest({ ...own, ...common(place), disks }));
  await guest.start();
  return guest;
}

/** A copy of one that has booted without a configuration; its disks are plugged in now, and it is configured by hand. */
export async function wakeGuest(place: WorkPlace, { disks, given }: Wanted, scope: Scope): Promise<Guest> {
  const idle = await idleMachine({ ports: place.ports, busybox: place.tools.busybox });
  const rootDisk = join(place.guestDir, "root.qcow2");
  await overlayOn(idle.rootDisk, rootDisk);
  const { seed, keyFile } = idle;
  const guest = scope.own(new Guest({ rootDisk, seed, keyFile, ...common(place), disks: [] }));
  await guest.wake(idle.memoryFile);
  for (const disk of disks) await guest.attach(disk);
  await guest.run(writing(agentUserData(given).write_files));
  return guest;
}

function common(place: WorkPlace) {
  const { guestDir: dir, ports, tools } = place;
  return { dir, ports, busybox: tools.busybox, serialFile: nextConsoleLog() };
}
