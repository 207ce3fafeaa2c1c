import { DATA_OFFSET_BYTES } from "../../core/volume/header-form.ts";
import type { DeviceFacts } from "../../core/volume/inventory.ts";
import { VOLUME_KEY_BYTES } from "../../core/volume/order.ts";
import { encryptionSectorBytes } from "../../core/volume/sizes.ts";
import { type Command, QUICK_MS } from "./command.ts";

/** The mapping's name: /dev/mapper/<name>. */
export const MAPPING = "builder-agent-cache";

/** It waits for udev, and for a disk that may be busy. */
const MAPPING_MS = 60_000;
/** It overwrites 16 MiB. */
const FORMAT_MS = 120_000;

const KEY_BY_STDIN = ["--key-file", "-", "--keyfile-size", String(VOLUME_KEY_BYTES)];

/** What crypsetup(8) 2.6 calls "device already exists or device is busy". */
export const BUSY = 5;
/** "No permission (bad passphrase)". */
const WRONG_KEY = 2;

/**
 * The key has 512 random bits: no number of iterations would make it harder to guess, so it is the
 * least that cryptsetup takes, and opening costs milliseconds. AES-XTS with 256-bit halves is what
 * the kernel does fastest in hardware.
 */
export function luksFormat({ path, sizeBytes }: Pick<DeviceFacts, "path" | "sizeBytes">, uuid: string): Command {
  const kdf = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--hash", "sha256"];
  const cipher = ["--cipher", "aes-xts-plain64", "--key-size", "512"];
  const layout = ["--sector-size", String(encryptionSectorBytes(sizeBytes)), "--offset", String(DATA_OFFSET_SECTORS)];
  const args = ["luksFormat", "--batch-mode", "--type", "luks2", ...cipher, ...kdf, ...layout, "--uuid", uuid];
  return {
    program: "cryptsetup",
    args: [...args, ...KEY_BY_STDIN, path],
    stdin: "key",
    answers: [0],
    deadlineMs: FORMAT_MS,
  };
}

/** cryptsetup's default, said aloud because what is sampled depends on it. */
const DATA_OFFSET_SECTORS = DATA_OFFSET_BYTES / 512;

/**
 * Maps the device to its end, also where it has grown, by a header that lies elsewhere: the
 * device's own may change after it was judged. No option is kept in a header. Discards pass: a
 * cache's free space is no secret, and a worn disk is slow. dm-crypt's queues sort requests for
 * rotating disks and hand them to other threads; an SSD only waits for those, so both are passed by
 * (cryptsetup-open(8)). A kernel before 5.9 has no such option, and cryptsetup goes on without it.
 */
export function openMapping(path: string, header: string): Command {
  const options = ["--allow-discards", "--perf-no_read_workqueue", "--perf-no_write_workqueue"];
  const by = ["--type", "luks2", "--header", header, ...options, ...KEY_BY_STDIN];
  return {
    program: "cryptsetup",
    args: ["open", "--batch-mode", ...by, path, MAPPING],
    stdin: "key",
    answers: [0],
    deadlineMs: MAPPING_MS,
  };
}

export function closeMapping(): Command {
  return {
    program: "cryptsetup",
    args: ["close", MAPPING],
    stdin: "nothing",
    answers: [0, BUSY],
    deadlineMs: MAPPING_MS,
  };
}

/** 0: the key opens a slot. 2: it does not. 1: there is no slot left. Activates nothing. */
export function tryKey(path: string): Command {
  const args = ["open", "--batch-mode", "--test-passphrase", "--type", "luks2", ...KEY_BY_STDIN, path];
  return { program: "cryptsetup", args, stdin: "key", answers: [0, 1, WRONG_KEY], deadlineMs: QUICK_MS };
}

/** 1: it is no LUKS2, or broken beyond reading. */
export function dumpHeader(path: string): Command {
  const args = ["luksDump", "--dump-json-metadata", path];
  return { program: "cryptsetup", args, stdin: "nothing", answers: [0, 1], deadlineMs: QUICK_MS };
}

export function readUuid(path: string): Command {
  return { program: "cryptsetup", args: ["luksUUID", path], stdin: "nothing", answers: [0], deadlineMs: QUICK_MS };
}

export function importLabel(path: string): Command {
  const args = ["token", "import", "--token-id", "0", "--json-file", "-", path];
  return { program: "cryptsetup", args, stdin: "label", answers: [0], deadlineMs: QUICK_MS };
}

export function eraseKeySlots(path: string): Command {
  return {
    program: "cryptsetup",
    args: ["erase", "--batch-mode", path],
    stdin: "nothing",
    answers: [0],
    deadlineMs: MAPPING_MS,
  };
}
