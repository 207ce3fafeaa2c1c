import { randomUUID } from "node:crypto";
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../setup/cache-folder.mjs";
import { run } from "../../setup/child.mjs";
import { saying } from "../../setup/progress.mjs";
import { hashOf } from "../../setup/stamp.mjs";
import { baseTar } from "../base/base-tar.mjs";
import { unpackBase } from "../base/unpack-base.mjs";
import { hashOfFiles } from "../deb/source-files.mjs";
import { noteFacts } from "../facts.mjs";
import { keepNewest } from "../keep-newest.mjs";
import { bootConfiguration, fstab } from "./boot-configuration.mjs";
import { putBootLoader } from "./boot-loader.mjs";
import { partitionTable, places } from "./places.mjs";

const DEADLINE_MS = 5 * 60_000;
const caches = join(cacheFolder(), "image");

/**
 * A bootable disk with Debian's root file system and nothing of ours: what a bake starts from, as a
 * cloud's own image is elsewhere.
 */
export const baseDisk = () => join(caches, `disk-${hashOf([baseTar(), hashOfFiles(["tools/image/disk"])])}.qcow2`);

/** @type {import("../../setup/step.mjs").Step} */
export const baseDiskStep = {
  lockFile: join(caches, "disk.lock"),
  isDone: () => existsSync(baseDisk()),
  carryOut: () => saying("making a bootable disk of it", () => make(baseDisk())),
};

/** @param {string} target */
async function make(target) {
  const work = join(caches, "draft-disk");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const root = join(work, "root");
  await unpackBase(root);
  const rootUuid = randomUUID();
  mkdirSync(join(root, "boot/grub"), { recursive: true });
  writeFileSync(join(root, "boot/grub/grub.cfg"), bootConfiguration(rootUuid));
  writeFileSync(join(root, "etc/fstab"), fstab(rootUuid));

  const disk = join(work, "disk.raw");
  makeSparse(disk, places.diskBytes);
  const table = join(work, "partitions");
  writeFileSync(table, partitionTable);
  await does("sfdisk", ["sh", "-c", 'exec sfdisk --quiet "$0" <"$1"', disk, table]);
  const kib = String(places.root.sizeBytes / 1024);
  const offset = `offset=${places.root.startBytes}`;
  await does("mkfs.ext4", ["mkfs.ext4", "-q", "-F", "-U", rootUuid, "-d", root, "-E", offset, disk, `${kib}k`]);
  await putBootLoader({ disk, rootUuid, workFolder: work });
  const made = join(work, "made.qcow2");
  await does("qemu-img", ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, made]);
  await noteFacts({ file: target, draft: made });
  renameSync(made, target);
  keepNewest(caches, "disk-", 2);
  rmSync(work, { recursive: true, force: true });
}

/** @param {string} file @param {number} bytes */
function makeSparse(file, bytes) {
  const descriptor = openSync(file, "w");
  ftruncateSync(descriptor, bytes);
  closeSync(descriptor);
}

/** @param {string} what @param {readonly [string, ...string[]]} command */
const does = (what, [command, ...args]) => run({ what, command, args, deadlineMs: DEADLINE_MS });
