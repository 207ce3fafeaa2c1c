import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../setup/child.mjs";
import { bootSearch } from "./boot-configuration.mjs";
import { places, SECTOR_BYTES } from "./places.mjs";

const DEADLINE_MS = 60_000;
const MODULES = [
  "part_gpt",
  "ext2",
  "normal",
  "configfile",
  "search",
  "search_fs_uuid",
  "linux",
  "echo",
  "serial",
  "terminal",
];
/**
 * In GRUB's boot.img (include/grub/i386/pc/boot.h): the bytes of code, and where it says at which
 * sector the core begins.
 */
const BOOT_CODE_BYTES = 440;
const KERNEL_SECTOR_AT = 0x5c;
/** At the end of the core's first sector: where the rest of it begins, as a sector number. */
const BLOCK_LIST_AT = SECTOR_BYTES - 12;

/**
 * Puts GRUB onto the disk for BIOS and for UEFI without mounting anything: this machine's kernel
 * need not know partitions.
 * @param {{ disk: string, rootUuid: string, workFolder: string }} of
 */
export async function putBootLoader({ disk, rootUuid, workFolder }) {
  const search = join(workFolder, "search.cfg");
  writeFileSync(search, bootSearch(rootUuid));
  putBiosCore(disk, await grubImage("i386-pc", ["biosdisk"], search, join(workFolder, "core.img")));
  await putEfiProgram(
    disk,
    await grubImage("x86_64-efi", ["fat"], search, join(workFolder, "BOOTX64.EFI")),
    workFolder,
  );
}

/**
 * @param {string} format @param {readonly string[]} modules @param {string} search @param {string}
 *   target
 */
async function grubImage(format, modules, search, target) {
  await run({
    what: `grub-mkimage for ${format}`,
    command: "grub-mkimage",
    args: ["-O", format, "-o", target, "-c", search, "-p", "/boot/grub", ...modules, ...MODULES],
    deadlineMs: DEADLINE_MS,
  });
  return target;
}

/** @param {string} disk @param {string} coreFile */
function putBiosCore(disk, coreFile) {
  const coreSector = places.bios.startBytes / SECTOR_BYTES;
  const boot = readFileSync("/usr/lib/grub/i386-pc/boot.img").subarray(0, BOOT_CODE_BYTES);
  boot.writeBigUInt64LE(BigInt(coreSector), KERNEL_SECTOR_AT);
  const core = readFileSync(coreFile);
  core.writeBigUInt64LE(BigInt(coreSector + 1), BLOCK_LIST_AT);
  const descriptor = openSync(disk, "r+");
  try {
    writeSync(descriptor, boot, 0, boot.length, 0);
    writeSync(descriptor, core, 0, core.length, places.bios.startBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** @param {string} disk @param {string} program @param {string} workFolder */
async function putEfiProgram(disk, program, workFolder) {
  const partition = join(workFolder, "efi.fat");
  const kib = places.efi.sizeBytes / 1024;
  await run({
    what: "mkfs.fat",
    command: "mkfs.fat",
    args: ["-C", "-n", "EFI", partition, String(kib)],
    deadlineMs: DEADLINE_MS,
  });
  for (const [command, ...args] of [
    ["mmd", "-i", partition, "::/EFI", "::/EFI/BOOT"],
    ["mcopy", "-i", partition, program, "::/EFI/BOOT/BOOTX64.EFI"],
  ])
    await run({ what: String(command), command: String(command), args, deadlineMs: DEADLINE_MS });
  const descriptor = openSync(disk, "r+");
  try {
    writeSync(descriptor, readFileSync(partition), 0, statSync(partition).size, places.efi.startBytes);
  } finally {
    closeSync(descriptor);
  }
}
