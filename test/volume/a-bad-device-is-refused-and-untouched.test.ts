import { randomBytes } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openVolume } from "../../agent/adapters/volume/open-volume.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";
import { blankDisk, DISK_BYTES, foreignLuks, hashOf, partitionTable, readAt, sh, writeAt } from "./disk-image.ts";
import { type EditedMetadata, editHeader } from "./edited-header.ts";
import { kept, OWNER, perBoot, StandInMachine, udevDatabase } from "./stand-in-machine.ts";

const KEY = randomBytes(64);
const OTHER_KEY = randomBytes(64);
const MIB = 1024 * 1024;
const never = new AbortController().signal;

interface Row {
  readonly of: string;
  readonly code: string;
  /** Says what was found. */
  readonly says: RegExp;
  readonly prepare: (disk: string, machine: StandInMachine) => unknown;
  readonly order?: (disk: string) => VolumeOrder;
}

/** A kept volume, closed again. */
async function ours(disk: string, machine: StandInMachine, order: VolumeOrder = kept(disk, KEY)): Promise<void> {
  await openVolume(machine.host(), order, () => undefined, never);
  await machine.reboot();
}

interface Token {
  readonly label: Readonly<Record<string, unknown>>;
}

function label(disk: string): Token {
  return JSON.parse(sh("cryptsetup", ["token", "export", "--token-id", "0", disk])) as Token;
}

function relabel(disk: string, token: unknown): void {
  sh("cryptsetup", ["token", "remove", "--token-id", "0", disk]);
  sh(
    "cryptsetup",
    ["token", "import", "--token-id", "0", "--json-file", "-", disk],
    Buffer.from(JSON.stringify(token)),
  );
}

interface Altered {
  readonly of: string;
  /** Unless cryptsetup itself does not take it for a header. */
  readonly code?: string;
  readonly says: RegExp;
  readonly change: (metadata: EditedMetadata) => void;
}

/** What somebody can write to a disk who has no key: the label stays as it was, and authentic. */
const ALTERED: readonly Altered[] = [
  {
    of: "says that its data is not encrypted",
    says: /says segments\/0\/type "linear", not "crypt"/,
    change: ({ segments }) => {
      segments["0"] = { type: "linear", offset: "16777216", size: "dynamic" };
    },
  },
  {
    of: "has a second segment",
    says: /has 2 data segments, not one/,
    change: ({ segments, digests }) => {
      segments["0"] = { ...segments["0"], size: "536870912" };
      segments["1"] = { ...segments["0"], offset: "553648128", size: "dynamic", iv_tweak: "1048576" };
      digests["0"] = { ...digests["0"], segments: ["0", "1"] };
    },
  },
  {
    of: "names a cipher that does nothing",
    says: /says segments\/0\/encryption "cipher_null-ecb", not "aes-xts-plain64"/,
    change: ({ segments }) => {
      segments["0"] = { ...segments["0"], encryption: "cipher_null-ecb" };
    },
  },
  {
    of: "names another cipher for the key slot's own area",
    says: /says keyslots\/0\/area\/encryption "cipher_null-ecb"/,
    change: ({ keyslots }) => {
      for (const { area } of Object.values(keyslots)) area["encryption"] = "cipher_null-ecb";
    },
  },
  {
    of: "lets the data begin elsewhere",
    says: /says segments\/0\/offset "33554432", not "16777216"/,
    change: ({ segments }) => {
      segments["0"] = { ...segments["0"], offset: "33554432" };
    },
  },
  {
    of: "shifts the numbers of sectors",
    says: /says segments\/0\/iv_tweak "8", not "0"/,
    change: ({ segments }) => {
      segments["0"] = { ...segments["0"], iv_tweak: "8" };
    },
  },
  {
    of: "has smaller sectors",
    says: /is not the one that its label was made for/,
    change: ({ segments }) => {
      segments["0"] = { ...segments["0"], sector_size: 512 };
    },
  },
  {
    of: "requires what only another program can do",
    says: /requires "offline-reencrypt"/,
    change: ({ config }) => {
      config["requirements"] = { mandatory: ["offline-reencrypt"] };
    },
  },
  {
    of: "has a digest that belongs to no segment",
    code: "cache.luks-foreign",
    says: /did not make, or that is damaged/,
    change: ({ digests }) => {
      digests["0"] = { ...digests["0"], segments: [] };
    },
  },
  {
    of: "has a digest that belongs to no key slot",
    code: "cache.luks-foreign",
    says: /did not make, or that is damaged/,
    change: ({ digests }) => {
      digests["0"] = { ...digests["0"], keyslots: [] };
    },
  },
  {
    of: "has a second digest, that belongs to nothing",
    says: /has 2 key digests, not one/,
    change: ({ digests }) => {
      digests["1"] = { ...digests["0"], keyslots: [], segments: [] };
    },
  },
  {
    of: "keeps flags for whoever opens it",
    says: /says "config\/flags\/0", which this agent never writes/,
    change: ({ config }) => {
      config["flags"] = ["no-journal"];
    },
  },
  {
    of: "asks for gigabytes of memory to try a key",
    says: /says keyslots\/0\/kdf\/type "argon2id", not "pbkdf2"/,
    change: ({ keyslots }) => {
      const kdf = { type: "argon2id", time: 1_000, memory: 4_194_304, cpus: 4, salt: "AAAAAAAAAAAAAAAAAAAAAA==" };
      for (const slot of Object.values(keyslots)) slot["kdf"] = kdf;
    },
  },
  {
    of: "has another digest",
    says: /is not the one that its label was made for/,
    change: ({ digests }) => {
      digests["0"] = { ...digests["0"], digest: Buffer.alloc(32, 1).toString("base64") };
    },
  },
  {
    of: "has lost its code, as if an earlier release had made the label",
    says: /has lost the code that its label was made with/,
    change: ({ tokens }) => {
      for (const token of Object.values(tokens)) delete token["headerMac"];
    },
  },
];

const ROWS: readonly Row[] = [
  {
    of: "ext4",
    code: "cache.foreign-signature",
    says: /ext4 at byte 1080/,
    prepare: (disk) => sh("mkfs.ext4", ["-q", "-F", disk]),
  },
  {
    of: "xfs",
    code: "cache.foreign-signature",
    says: /xfs at byte 0/,
    prepare: (disk) => sh("mkfs.xfs", ["-q", "-f", disk]),
  },
  {
    of: "swap that nobody uses",
    code: "cache.foreign-signature",
    says: /swap at byte/,
    prepare: (disk) => sh("mkswap", [disk]),
  },
  { of: "a partition table", code: "cache.partition-table", says: /dos at byte/, prepare: partitionTable },
  {
    of: "random bytes at its beginning",
    code: "cache.unrecognised-data",
    says: /first at byte 0:/,
    prepare: (disk) => writeAt(disk, 0, nonsense()),
  },
  {
    of: "random bytes at its end",
    code: "cache.unrecognised-data",
    says: /first at byte \d+:/,
    prepare: (disk) => writeAt(disk, DISK_BYTES - 4096, nonsense()),
  },
  {
    of: "random bytes in its middle",
    code: "cache.unrecognised-data",
    says: /first at byte \d+:/,
    prepare: (disk) => writeAt(disk, 300 * MIB, randomBytes(20 * MIB)),
  },
  {
    of: "both zeros and ones",
    code: "cache.unrecognised-data",
    says: /first at byte \d+:/,
    prepare: (disk) => writeAt(disk, 20 * MIB, Buffer.alloc(64 * MIB, 0xff)),
  },
  {
    of: "LUKS2 without our label",
    code: "cache.luks-foreign",
    says: /uuid [0-9a-f-]{36}/,
    prepare: (disk) => foreignLuks(disk, KEY),
    order: (disk) => kept(disk, KEY),
  },
  { of: "LUKS2 whose first header is broken", code: "cache.luks-foreign", says: /uuid/, prepare: brokenHeader },
  { of: "LUKS1", code: "cache.luks-foreign", says: /did not make/, prepare: (disk) => foreignLuks(disk, KEY, "luks1") },
  {
    of: "another org's volume",
    code: "cache.other-org",
    says: /rival, not acme/,
    prepare: (disk, machine) => ours(disk, machine, kept(disk, KEY, { owner: { ...OWNER, orgId: "rival" } })),
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "another project's volume",
    code: "cache.other-project",
    says: /shop, not web/,
    prepare: (disk, machine) => ours(disk, machine, kept(disk, KEY, { owner: { ...OWNER, projectId: "shop" } })),
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "another architecture's volume",
    code: "cache.other-architecture",
    says: /arm64, not amd64/,
    prepare: (disk, machine) => ours(disk, machine, kept(disk, KEY, { owner: { ...OWNER, architecture: "arm64" } })),
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "another volume",
    code: "cache.other-volume-id",
    says: /cache-2, not cache-1/,
    prepare: (disk, machine) => ours(disk, machine, kept(disk, KEY, { volumeId: "cache-2" })),
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "a kept volume, and a wrong key",
    code: "cache.wrong-key",
    says: /does not open/,
    prepare: ours,
    order: (disk) => kept(disk, OTHER_KEY),
  },
  {
    of: "a kept volume, ordered for this boot only",
    code: "cache.other-kind",
    says: /would destroy it/,
    prepare: ours,
  },
  {
    of: "a kept volume whose key slots were erased",
    code: "cache.erased",
    says: /were erased/,
    prepare: erased,
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "a label that was changed",
    code: "cache.label-unverified",
    says: /was not made with its key/,
    prepare: changedLabel,
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "a label that was copied to another volume with the same key",
    code: "cache.label-unverified",
    says: /label of another volume/,
    prepare: copiedLabel,
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "two labels",
    code: "cache.label-unverified",
    says: /cannot read/,
    prepare: twoLabels,
    order: (disk) => kept(disk, KEY),
  },
  ...ALTERED.map(({ of, code = "cache.header-altered", says, change }) => ({
    of: `a kept volume whose header ${of}`,
    code,
    says,
    prepare: async (disk: string, machine: StandInMachine) => {
      await ours(disk, machine);
      await editHeader(disk, change);
    },
    order: (disk: string) => kept(disk, KEY),
  })),
  {
    of: "a kept volume with a second key slot",
    code: "cache.header-altered",
    says: /has 2 key slots, not one/,
    prepare: secondSlot,
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "a kept volume whose re-encryption was begun",
    code: "cache.header-altered",
    says: /requires "online-reencrypt-v2"/,
    prepare: reencrypting,
    order: (disk) => kept(disk, KEY),
  },
  {
    of: "a per-boot volume of another machine",
    code: "cache.label-unverified",
    says: /did not make/,
    prepare: ofAnotherMachine,
  },
  {
    of: "a device that is too small",
    code: "cache.too-small",
    says: /1048576 bytes/,
    prepare: (disk) => truncate(disk, MIB),
  },
  {
    of: "a key that is too short",
    code: "cache.key-too-short",
    says: /has 32 bytes, and must have 64/,
    prepare: () => undefined,
    order: (disk) => kept(disk, randomBytes(32)),
  },
  {
    of: "a guessed name",
    code: "cache.device-name-wrong",
    says: /does not name a device/,
    prepare: () => undefined,
    order: (disk) => perBoot(disk, { device: disk }),
  },
];

/** No program takes this for anything. */
function nonsense(): Buffer {
  return Buffer.alloc(4096, "nonsense ");
}

/** cryptsetup would mend the first header from the second one, and so write to what is not ours. */
async function brokenHeader(disk: string): Promise<void> {
  foreignLuks(disk, KEY);
  await writeAt(disk, 200, randomBytes(16));
}

async function erased(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine);
  sh("cryptsetup", ["erase", "-q", disk]);
}

async function changedLabel(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine, kept(disk, KEY, { volumeId: "cache-2" }));
  const token = label(disk);
  relabel(disk, { ...token, label: { ...token.label, volumeId: "cache-1" } });
}

async function copiedLabel(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine);
  const token = label(disk);
  foreignLuks(disk, KEY);
  sh("cryptsetup", ["token", "import", "--json-file", "-", disk], Buffer.from(JSON.stringify(token)));
}

async function twoLabels(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine);
  sh("cryptsetup", ["token", "import", "--json-file", "-", disk], Buffer.from(JSON.stringify(label(disk))));
}

async function secondSlot(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine);
  const second = join(machine.directory, "second-key");
  await writeFile(second, OTHER_KEY);
  sh("cryptsetup", ["luksAddKey", "-q", "--pbkdf", "pbkdf2", "--key-file", "-", disk, second], KEY);
}

async function reencrypting(disk: string, machine: StandInMachine): Promise<void> {
  await ours(disk, machine);
  sh("cryptsetup", ["reencrypt", "-q", "--init-only", "--resilience", "none", "--key-file", "-", disk], KEY);
}

async function ofAnotherMachine(disk: string): Promise<void> {
  await using another = await StandInMachine.start();
  await ours(disk, another, perBoot(disk));
}

async function refusalOf(machine: StandInMachine, order: VolumeOrder): Promise<AgentError> {
  const failure: unknown = await openVolume(machine.host(), order, () => undefined, never).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure instanceof AgentError) return failure;
  throw new Error(`It was not refused: ${String(failure)}`);
}

describe("a device is refused and keeps every byte", () => {
  it.each(ROWS)("$of: $code", async ({ code, says, prepare, order = perBoot }) => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await prepare(disk, machine);
    const before = await hashOf(disk);
    const failure = await refusalOf(machine, order(disk));
    expect(failure).toMatchObject({ code, retryable: false });
    expect(failure.message).toMatch(says);
    expect(await hashOf(disk)).toBe(before);
  });

  it("also when two devices fit, and both are blank", async () => {
    await using machine = await StandInMachine.start();
    const disks = await Promise.all(["a", "b"].map((name) => blankDisk(join(machine.directory, name))));
    machine.database = udevDatabase(
      Object.fromEntries(disks.map((disk) => [`..${disk}`, ["E: ID_MODEL=Instance_Storage"]])),
    );
    const before = await Promise.all(disks.map(hashOf));
    const failure = await refusalOf(machine, perBoot("", { device: "udev:ID_MODEL=Instance_Storage" }));
    expect(failure).toMatchObject({ code: "cache.several-devices" });
    expect(await Promise.all(disks.map(hashOf))).toEqual(before);
  });

  it("also when two devices fit, and one of them cannot even be read", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const gone = join(machine.directory, "gone");
    machine.database = udevDatabase(
      Object.fromEntries([gone, disk].map((path) => [`..${path}`, ["E: ID_MODEL=Instance_Storage"]])),
    );
    const failure = await refusalOf(machine, perBoot("", { device: "udev:ID_MODEL=Instance_Storage" }));
    expect(failure).toMatchObject({ code: "cache.several-devices", retryable: false });
  });

  it("would see a byte that changed", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    const before = await hashOf(disk);
    await writeAt(disk, 123_456_789, Buffer.from([1]));
    expect(await hashOf(disk)).not.toBe(before);
  });

  it("and cryptsetup, asked directly, would have written to the one with a broken header", async () => {
    await using machine = await StandInMachine.start();
    const disk = await blankDisk(join(machine.directory, "disk"));
    await brokenHeader(disk);
    const before = await readAt(disk, 0, MIB);
    sh("cryptsetup", ["luksDump", disk]);
    expect((await readAt(disk, 0, MIB)).equals(before)).toBe(false);
  });
});
