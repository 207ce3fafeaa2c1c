import { createDecipheriv } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { sh } from "../volume/disk-image.ts";
import { bytesAt, type WriteLog } from "./write-log.ts";

/** In which dm-crypt counts, also where it encrypts more at a time ("plain64" of cryptsetup(8)). */
const TWEAK_BYTES = 512;

interface Segment {
  readonly offset: string;
  readonly encryption: string;
  readonly sector_size: number;
}

/**
 * What a disk with LUKS on it was told, as the file system on it said it: a machine without
 * device-mapper can then mount what was recorded on one that has it. Each sector is encrypted for
 * itself, so that a cut of the one is a cut of the other. Requests for the header are left out.
 * `disk` has the header; the plain data goes to `target`.
 */
export async function plainLog(log: WriteLog, disk: string, key: Uint8Array, target: string): Promise<WriteLog> {
  const { offset, encryption, sector_size: sectorBytes } = segmentOf(disk);
  if (encryption !== "aes-xts-plain64") throw new Error(`Cannot decrypt ${encryption}`);
  const volumeKey = await volumeKeyOf(disk, key, `${target}.key`);
  const dataBegins = Number(offset);
  const requests = log.requests
    .filter((request) => request.length === 0 || request.offset >= dataBegins)
    .map((request) => ({ ...request, offset: Math.max(0, request.offset - dataBegins) }));
  const [from, to] = [openSync(log.file, "r"), openSync(target, "w")];
  try {
    for (const { is, offset: place, length, dataAt } of requests) {
      if (is === "discard" || length === 0) continue;
      const bytes = bytesAt(from, dataAt, length);
      for (let at = 0; at < length; at += sectorBytes) {
        const tweak = Buffer.alloc(16);
        tweak.writeBigUInt64LE(BigInt((place + at) / TWEAK_BYTES));
        const plain = createDecipheriv("aes-256-xts", volumeKey, tweak).update(bytes.subarray(at, at + sectorBytes));
        writeSync(to, plain, 0, plain.length, dataAt + at);
      }
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
  return { ...log, file: target, requests };
}

function segmentOf(disk: string): Segment {
  // The form of LUKS2's own metadata.
  const { segments } = JSON.parse(sh("cryptsetup", ["luksDump", "--dump-json-metadata", disk])) as {
    readonly segments: Readonly<Record<string, Segment>>;
  };
  const [segment] = Object.values(segments);
  if (segment === undefined) throw new Error(`${disk} has no segment of data`);
  return segment;
}

async function volumeKeyOf(disk: string, key: Uint8Array, file: string): Promise<Buffer> {
  const how = ["--dump-volume-key", "--batch-mode", "--key-file", "-", "--volume-key-file", file];
  try {
    sh("cryptsetup", ["luksDump", ...how, disk], key);
    return readFileSync(file);
  } finally {
    await rm(file, { force: true });
  }
}
