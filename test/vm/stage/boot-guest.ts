import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { agentUserData } from "../../../tools/image/guest/agent-user-data.mjs";
import { overlayOn } from "../../../tools/image/guest/disks.mjs";
import { makeSeed } from "../../../tools/image/guest/seed.mjs";
import type { DataDisk } from "../machine/data-disk.ts";
import { Guest } from "../machine/guest.ts";
import { bootImage } from "../machine/image.ts";
import type { Provision } from "../machine/provision.ts";
import { makeSshKey } from "../machine/ssh-key.ts";
import { nextConsoleLog } from "./logs.ts";
import type { WorkPlace } from "./work-place.ts";

/**
 * A machine out of its box: the image, powered on for the first time, and given this by cloud-init.
 */
export async function bootGuest(
  { guestDir: dir, ports, tools, proveNoGuestLeft }: WorkPlace,
  { disks, given }: { readonly disks: readonly DataDisk[]; readonly given: Provision },
  scope: Scope,
): Promise<Guest> {
  const file = (name: string): string => join(dir, name);
  const [rootDisk, seed, keyFile] = [file("root.qcow2"), file("seed.iso"), file("key")];
  const sshPublicKey = await makeSshKey(keyFile);
  await makeSeed({ target: seed, userData: agentUserData({ ...given, sshPublicKey }) });
  await overlayOn(bootImage(), rootDisk);
  scope.defer(proveNoGuestLeft);
  const own = { dir, ports, busybox: tools.busybox, serialFile: nextConsoleLog() };
  const guest = scope.own(new Guest({ rootDisk, seed, keyFile, disks, ...own }));
  await guest.start();
  return guest;
}
