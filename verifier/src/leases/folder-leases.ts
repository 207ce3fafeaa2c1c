import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, syncFolder } from "../files.ts";
import { isSameLease, type Lease, type LeaseStore } from "./leases.ts";

/** A name in a folder may have 255 bytes; this has 224 at most. */
const NAME =
  /^(?<generation>[1-9]\d{0,9})\.(?<expiresAtMs>\d{1,15})\.(?<key>[0-9a-f]{64})\.(?<previous>[0-9a-f]{64}|none)\.(?<machineId>[a-z0-9-]{1,63})$/;

/** A look while somebody renames may see both names, or neither. */
const LOOKS = 100;

/**
 * On disk: a folder an instance, with one empty file in it, whose name is the lease. So rename(2)
 * compares and sets in one step: it fails where the old name is not there any more, whichever
 * process asks. The first lease comes by the rename of a folder, which fails where there is one.
 */
export class FolderLeases implements LeaseStore {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes the folder where it is missing; it is ours alone. */
  static async open(path: string): Promise<FolderLeases> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new FolderLeases(path);
  }

  /** @throws {Error} where a folder holds something else than a lease: nobody takes its place. */
  async read(instance: string): Promise<Lease | undefined> {
    const folder = this.#folderOf(instance);
    for (let left = LOOKS; ; left -= 1) {
      const names = await namesIn(folder);
      if (names === undefined) return undefined;
      const leases = names.map(leaseOf);
      const [lease] = leases;
      if (lease !== undefined && leases.length === 1) return lease;
      if (leases.includes(undefined) || left === 0)
        throw new Error(`${folder} does not hold one lease: take the folder away to release it.`);
    }
  }

  async replace(instance: string, expected: Lease | undefined, next: Lease): Promise<boolean> {
    const folder = this.#folderOf(instance);
    if (expected === undefined) return this.#begin(folder, next);
    if (isSameLease(expected, next)) return isSameLease(await this.read(instance), expected);
    try {
      await rename(join(folder, nameOf(expected)), join(folder, nameOf(next)));
    } catch (failure) {
      if (isErrno(failure, "ENOENT")) return false;
      throw failure;
    }
    await syncFolder(folder);
    return true;
  }

  async #begin(folder: string, lease: Lease): Promise<boolean> {
    const draft = join(this.#path, `.${randomUUID()}`);
    await mkdir(draft, { mode: 0o700 });
    try {
      await (await open(join(draft, nameOf(lease)), "wx", 0o600)).close();
      await syncFolder(draft);
      await rename(draft, folder);
    } catch (failure) {
      await rm(draft, { recursive: true });
      if (isErrno(failure, "ENOTEMPTY") || isErrno(failure, "EEXIST")) return false;
      throw failure;
    }
    await syncFolder(this.#path);
    return true;
  }

  #folderOf(instance: string): string {
    return join(this.#path, createHash("sha256").update(instance).digest("hex"));
  }
}

async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (failure) {
    if (isErrno(failure, "ENOENT")) return undefined;
    throw failure;
  }
}

function nameOf({ generation, expiresAtMs, keySha256, previousKeySha256 = "none", machineId }: Lease): string {
  const name = `${generation}.${expiresAtMs}.${keySha256}.${previousKeySha256}.${machineId}`;
  if (!NAME.test(name)) throw new Error(`This lease cannot be kept: ${name}`);
  return name;
}

function leaseOf(name: string): Lease | undefined {
  const { generation, expiresAtMs, key, previous, machineId } = NAME.exec(name)?.groups ?? {};
  if (key === undefined || machineId === undefined) return undefined;
  return {
    machineId,
    generation: Number(generation),
    keySha256: key,
    ...(previous !== undefined && previous !== "none" && { previousKeySha256: previous }),
    expiresAtMs: Number(expiresAtMs),
  };
}
