import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { open, truncate, writeFile } from "node:fs/promises";

const MIB = 1024 * 1024;
export const DISK_BYTES = 576 * MIB;

/** An image of a disk that was never written. */
export async function blankDisk(path: string, sizeBytes = DISK_BYTES): Promise<string> {
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  return path;
}

export async function writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * Of every byte, and where it is; a mebibyte of zeros counts by not being there, so that an empty
 * disk costs little.
 */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  const [bytes, zeros] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];
  const file = await open(path, "r");
  try {
    for (let offset = 0; ; offset += MIB) {
      const { bytesRead } = await file.read(bytes, 0, MIB, offset);
      if (bytesRead === 0) return hash.update(`ends by ${offset}`).digest("hex");
      const part = bytes.subarray(0, bytesRead);
      if (bytesRead < MIB || !part.equals(zeros)) hash.update(`${offset} ${bytesRead}`).update(part);
    }
  } finally {
    await file.close();
  }
}

/** A program of the machine, for making what a test finds. */
export function sh(program: string, args: readonly string[], input?: Uint8Array): string {
  const env = { PATH: process.env["PATH"], LC_ALL: "C" };
  return execFileSync(program, [...args], {
    input: input ?? "",
    env,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** One primary partition of a classic partition table. */
export async function partitionTable(path: string): Promise<void> {
  const sector = Buffer.alloc(512);
  sector[446 + 4] = 0x83;
  sector.writeUInt32LE(2048, 446 + 8);
  sector.writeUInt32LE(200_000, 446 + 12);
  sector.writeUInt16LE(0xaa55, 510);
  await writeAt(path, 0, sector);
}

/** A LUKS volume that somebody else made. */
export function foreignLuks(path: string, key: Uint8Array, type: "luks1" | "luks2" = "luks2"): void {
  const cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
  sh(
    "cryptsetup",
    ["luksFormat", "-q", "--type", type, ...cheap, "--key-file", "-", "--keyfile-size", String(key.length), path],
    key,
  );
}
