import { existsSync, statSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sshFor } from "../../../tools/image/guest/agent-user-data.mjs";
import { overlayOn } from "../../../tools/image/guest/disks.mjs";
import { makeSeed } from "../../../tools/image/guest/seed.mjs";
import { keepNewest } from "../../../tools/image/keep-newest.mjs";
import { cacheFolder } from "../../../tools/setup/cache-folder.mjs";
import { saying } from "../../../tools/setup/progress.mjs";
import { hashOf } from "../../../tools/setup/stamp.mjs";
import { runSteps } from "../../../tools/setup/step.mjs";
import { Guest } from "./guest.ts";
import { bootImage } from "./image.ts";
import { makeSshKey } from "./ssh-key.ts";

/** A machine as it is right after its boot, without a configuration of the agent: asleep, so that a copy of it is up in seconds. */
export interface IdleMachine {
  readonly rootDisk: string;
  readonly seed: string;
  readonly keyFile: string;
  readonly memoryFile: string;
}

/** Change it with whatever changes what is asleep. */
const FORM = "2";
const PROGRAMS = "/usr/lib/builder-agent/bin";

/** Boots one, the first time for an image; the copy is kept beside the other things that are made once. */
export async function idleMachine(own: Pick<Guest["parts"], "ports" | "busybox">): Promise<IdleMachine> {
  const image = bootImage();
  const caches = join(cacheFolder(), "vm");
  const folder = join(caches, `idle-${hashOf([FORM, image, String(statSync(image).mtimeMs)])}`);
  await runSteps([
    {
      lockFile: join(caches, "idle.lock"),
      isDone: () => existsSync(folder),
      async carryOut() {
        await saying("booting a machine, and putting it to sleep", () => make(folder, own));
        keepNewest(caches, "idle-", 1);
      },
    },
  ]);
  const file = (name: string): string => join(folder, name);
  return {
    rootDisk: file("root.qcow2"),
    seed: file("seed.iso"),
    keyFile: file("key"),
    memoryFile: file("memory"),
  };
}

async function make(folder: string, own: Pick<Guest["parts"], "ports" | "busybox">): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const file = (name: string): string => join(draft, name);
  const publicKey = await makeSshKey(file("key"));
  await makeSeed({ target: file("seed.iso"), userData: sshFor(publicKey) });
  await overlayOn(bootImage(), file("root.qcow2"));
  await using guest = new Guest({
    dir: draft,
    rootDisk: file("root.qcow2"),
    serialFile: file("serial.log"),
    keyFile: file("key"),
    seed: file("seed.iso"),
    disks: [],
    ...own,
  });
  await guest.start();
  await guest.run("cloud-init status --wait >/dev/null; systemctl is-system-running --wait >/dev/null");
  // So that their first start is not the one that somebody waits for.
  await guest.run(`builder-agent version && ${PROGRAMS}/buildkitd --version && ${PROGRAMS}/bbolt version && sync`);
  await guest.fallAsleep(file("memory"));
  await rename(draft, folder);
}
