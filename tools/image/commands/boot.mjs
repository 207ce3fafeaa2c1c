import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../setup/commands.mjs";
import { withDeadline } from "../../setup/deadline.mjs";
import { SetupFailed } from "../../setup/failure.mjs";
import { say } from "../../setup/progress.mjs";
import { bake } from "../bake/bake.mjs";
import { writeExample } from "../boot/example.mjs";
import { bootOptions } from "../boot/options.mjs";
import { sandboxPlane } from "../boot/sandbox-plane.mjs";
import { untilReady } from "../boot/until-ready.mjs";
import { HOST, userData } from "../boot/user-data.mjs";
import { blankDisk, overlayOn } from "../guest/disks.mjs";
import { makeSeed } from "../guest/seed.mjs";
import { startGuest } from "../guest/start-guest.mjs";

const UP_DEADLINE_MS = 10 * 60_000;
const POWER_OFF_DEADLINE_MS = 3 * 60_000;
const STOP_SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/** Boots the image and keeps it until a person ends it. @param {readonly string[]} args */
export async function boot(args) {
  const options = bootOptions(args);
  const image = await bake(options.kvm ? "kvm" : "tcg");
  const over = new AbortController();
  const stop = () => over.abort();
  for (const name of STOP_SIGNALS) process.on(name, stop);
  // Who closes the terminal hears no more of it; all is ended in order nevertheless.
  process.stderr.on("error", () => undefined);
  const folder = mkdtempSync(join(tmpdir(), "builder-boot-"));
  const sandbox = options.plane ? undefined : await sandboxPlane();
  try {
    const guest = await start(join(image, "image.qcow2"), folder, options, options.plane ?? sandbox);
    await keep(guest, over, folder, options, sandbox);
  } finally {
    await sandbox?.close();
    rmSync(folder, { recursive: true, force: true });
    for (const name of STOP_SIGNALS) process.off(name, stop);
  }
  return [];
}

/**
 * @param {string} image
 * @param {string} folder
 * @param {import("../boot/options.mjs").BootOptions} options
 * @param {import("../boot/options.mjs").BootOptions["plane"]} plane
 */
async function start(image, folder, options, plane) {
  const busybox = findCommand("busybox");
  if (!plane || !busybox)
    throw new SetupFailed("the guest reaches the control plane through busybox, which is missing");
  const [disk, cache, seed] = [join(folder, "root.qcow2"), join(folder, "cache.qcow2"), join(folder, "seed.iso")];
  await overlayOn(image, disk);
  await blankDisk(cache, options.cacheMib);
  await makeSeed({ target: seed, userData: userData(options, plane) });
  return startGuest({
    disk,
    seed,
    drives: [{ file: cache, serial: "cache" }],
    forwards: [
      { hostPort: options.buildPort, guestPort: 8443 },
      { hostPort: options.healthPort, guestPort: 9464 },
      ...(options.sshPublicKey ? [{ hostPort: options.sshPort, guestPort: 22 }] : []),
    ],
    reaches: [{ guestAddress: HOST, guestPort: plane.port, hostPort: plane.port, busybox }],
    serialFile: join(folder, "console.log"),
    qmpSocket: join(folder, "qmp.sock"),
    memoryMib: options.memoryMib,
    accelerator: options.kvm ? "kvm" : "tcg",
  });
}

/**
 * Until the guest ends, or a person ends it.
 * @param {Awaited<ReturnType<typeof start>>} guest
 * @param {AbortController} over A person's word.
 * @param {string} folder
 * @param {import("../boot/options.mjs").BootOptions} options
 * @param {Awaited<ReturnType<typeof sandboxPlane>> | undefined} sandbox
 */
async function keep(guest, over, folder, options, sandbox) {
  const startedMs = performance.now();
  const ended = guest.ended.finally(() => over.abort());
  const health = `http://127.0.0.1:${options.healthPort}`;
  try {
    say(`booting; its console: tail -f ${join(folder, "console.log")}`);
    say(`health: curl '${health}/readyz?verbose'`);
    if (options.sshPublicKey) say(`login:  ssh -p ${options.sshPort} builder@127.0.0.1`);
    say("Ctrl-C powers it off; nothing of it is kept");
    const isUp = await withDeadline(UP_DEADLINE_MS, over.signal, (limit) =>
      untilReady(health, limit).then(
        () => true,
        (/** @type {unknown} */ cause) => {
          if (over.signal.aborted || !limit.aborted) throw cause;
          return false;
        },
      ),
    );
    const tookS = Math.round((performance.now() - startedMs) / 1000);
    if (!isUp) say(`not ready after ${tookS} s; it is left running for you to look at`);
    else {
      say(`ready after ${tookS} s`);
      const endpoint = `tcp://127.0.0.1:${options.buildPort}`;
      say(`builds: ${sandbox ? await sandbox.clientLine(folder, endpoint, writeExample(folder)) : endpoint}`);
    }
    await new Promise((resolve) => over.signal.addEventListener("abort", resolve, { once: true }));
  } catch (cause) {
    if (!over.signal.aborted) throw cause;
  } finally {
    say("powering it off …");
    const late = setTimeout(() => guest.kill(), POWER_OFF_DEADLINE_MS);
    // Refused where it is gone already.
    await guest.powerOff().catch(() => guest.kill());
    const { complaints } = await ended;
    clearTimeout(late);
    if (complaints) say(`QEMU said: ${complaints.trim()}`);
  }
}
