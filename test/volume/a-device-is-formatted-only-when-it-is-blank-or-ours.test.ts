import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../agent/core/secret.ts";
import type {
  DeviceFacts,
  FormattingIntent,
  Inventory,
  LabelFacts,
  OpenRecord,
} from "../../agent/core/volume/inventory.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";
import { planVolume } from "../../agent/core/volume/plan.ts";
import { anyMachine, anyOrder, OLD_UUID } from "./any-machine.ts";
import {
  BOOT,
  claims,
  device,
  FREE,
  GIB,
  inventory,
  labelled,
  luksDevice,
  METADATA,
  metadata,
  order,
  PER_BOOT,
  UUID,
} from "./facts.ts";

const INTENT: FormattingIntent = {
  identity: "serial-1",
  sizeBytes: 10 * GIB,
  luksUuid: UUID,
  found: "blank",
  beganMs: 1,
};
const HEADER_JUNK = { is: "data", at: 40_000, headerOnly: true } as const;
const JUNK = { is: "data", at: 40_000, headerOnly: false } as const;
const RECORD: OpenRecord = {
  bootId: BOOT,
  device: "/dev/vdb",
  luksUuid: UUID,
  kind: "kept",
  owner: { orgId: "acme", projectId: "web", architecture: "amd64" },
  volumeId: "cache-1",
  filesystem: "ext4",
  openedMs: 1,
};
const MAPPING = { luksUuid: UUID, device: "/dev/vdb", mountPoints: [] };
const perBootOf = (authentic: boolean) => labelled({ kind: "per-boot" }, {}, authentic);
const noLabel = luksDevice({ is: "readable", uuid: UUID, keySlots: 1, label: { is: "none" }, metadata: METADATA });

interface Row {
  readonly of: string;
  readonly ordered?: Partial<VolumeOrder>;
  readonly found?: Partial<Inventory>;
  readonly gives: string;
}

const one = (facts: ReturnType<typeof device>): Partial<Inventory> => ({ candidates: [facts] });

const ROWS: readonly Row[] = [
  { of: "a blank device", gives: "format blank" },
  { of: "a blank device, for this boot only", ordered: { key: PER_BOOT }, gives: "format blank" },
  {
    of: "a per-boot volume of this machine",
    found: one(perBootOf(true)),
    ordered: { key: PER_BOOT },
    gives: "format ours",
  },
  { of: "a per-boot volume of this machine, kept from now on", found: one(perBootOf(true)), gives: "format ours" },
  {
    of: "a per-boot volume of another machine",
    found: one(perBootOf(false)),
    ordered: { key: PER_BOOT },
    gives: "cache.label-unverified",
  },
  { of: "a kept volume with its key", found: one(labelled()), gives: "open" },
  { of: "a kept xfs volume where ext4 is ordered", found: one(labelled({ filesystem: "xfs" })), gives: "open" },
  {
    of: "a kept volume, ordered for this boot only",
    found: one(labelled()),
    ordered: { key: PER_BOOT },
    gives: "cache.other-kind",
  },
  {
    of: "a kept volume with another key",
    found: one(labelled({}, { keyFits: false }, false)),
    gives: "cache.wrong-key",
  },
  {
    of: "a kept volume whose slots were erased",
    found: one(labelled({}, { keySlots: 0, keyFits: false }, false)),
    gives: "cache.erased",
  },
  {
    of: "a kept volume of an earlier release, whose label says nothing of the header",
    found: one(oldRelease()),
    gives: "open",
  },
  {
    of: "a kept volume of an earlier release, in a header of another form",
    found: one(oldRelease({ metadata: metadata({ "segments/0/encryption": "cipher_null-ecb" }) })),
    gives: "cache.header-altered",
  },
  {
    of: "a header that is not the one its label was made for",
    found: one(labelled({}, {}, true, "altered")),
    gives: "cache.header-altered",
  },
  {
    of: "a label that has lost its code for the header",
    found: one(labelled({}, {}, true, "none")),
    gives: "cache.header-altered",
  },
  {
    of: "a header of another form, which no key was tried on",
    found: one(labelled({}, { ...untried(), metadata: metadata({ "segments/0/type": "linear" }) })),
    gives: "cache.header-altered",
  },
  {
    of: "a per-boot volume of this machine, whatever its header says: it is made anew",
    found: one(labelled({ kind: "per-boot" }, { metadata: metadata({ "segments/0/type": "linear" }) })),
    ordered: { key: PER_BOOT },
    gives: "format ours",
  },
  { of: "a label that its key did not make", found: one(labelled({}, {}, false)), gives: "cache.label-unverified" },
  { of: "a label of another header", found: one(labelled({ luksUuid: "other" })), gives: "cache.label-unverified" },
  {
    of: "another org's volume",
    found: one(labelled({ owner: { ...claims().owner, orgId: "other" } })),
    gives: "cache.other-org",
  },
  {
    of: "another project's volume",
    found: one(labelled({ owner: { ...claims().owner, projectId: "other" } })),
    gives: "cache.other-project",
  },
  {
    of: "another architecture's volume",
    found: one(labelled({ owner: { ...claims().owner, architecture: "arm64" } })),
    gives: "cache.other-architecture",
  },
  {
    of: "another volume of the project",
    found: one(labelled({ volumeId: "cache-2" })),
    gives: "cache.other-volume-id",
  },
  {
    of: "another org's per-boot volume, also of this machine",
    found: one(labelled({ kind: "per-boot", owner: { ...claims().owner, orgId: "other" } })),
    ordered: { key: PER_BOOT },
    gives: "cache.other-org",
  },
  { of: "LUKS without a label", found: one(noLabel), gives: "cache.luks-foreign" },
  { of: "LUKS that cryptsetup cannot read", found: one(luksDevice({ is: "unreadable" })), gives: "cache.luks-foreign" },
  {
    of: "a label that cannot be read",
    found: one(luksDevice({ is: "readable", uuid: UUID, keySlots: 1, label: { is: "malformed" }, metadata: METADATA })),
    gives: "cache.label-unverified",
  },
  {
    of: "an ext4 file system",
    found: one(device({ signatures: [{ type: "ext4", offset: 1080, isPartitionTable: false }] })),
    gives: "cache.foreign-signature",
  },
  {
    of: "our label, and RAID at the end",
    found: one({
      ...labelled(),
      signatures: [...labelled().signatures, { type: "linux_raid_member", offset: 9 * GIB, isPartitionTable: false }],
    }),
    gives: "cache.foreign-signature",
  },
  {
    of: "a partition table",
    found: one(device({ signatures: [{ type: "gpt", offset: 512, isPartitionTable: true }] })),
    gives: "cache.partition-table",
  },
  {
    of: "partitions",
    found: one(device({ use: { ...FREE, partitions: ["/dev/vdb1"] } })),
    gives: "cache.partition-table",
  },
  { of: "a mounted device", found: one(device({ use: { ...FREE, mountPoints: ["/srv"] } })), gives: "cache.mounted" },
  { of: "swap", found: one(device({ use: { ...FREE, swap: true } })), gives: "cache.swap" },
  {
    of: "a device below another",
    found: one(device({ use: { ...FREE, holders: ["/dev/md0"] } })),
    gives: "cache.held",
  },
  { of: "a device that somebody holds", found: one(device({ use: { ...FREE, claimed: true } })), gives: "cache.held" },
  { of: "a read-only device", found: one(device({ readOnly: true })), gives: "cache.read-only" },
  {
    of: "a kept volume on a read-only device",
    found: one({ ...labelled(), readOnly: true }),
    gives: "cache.read-only",
  },
  { of: "a device that is too small", found: one(device({ sizeBytes: 1_000_000 })), gives: "cache.too-small" },
  { of: "a DVD drive", found: one(device({ type: "rom" })), gives: "cache.not-a-disk" },
  { of: "data that nobody recognises", found: one(device({ content: JUNK })), gives: "cache.unrecognised-data" },
  {
    of: "a device that could not be read",
    found: one(device({ content: { is: "unread" } })),
    gives: "cache.unrecognised-data",
  },
  { of: "no device", found: { candidates: [] }, gives: "cache.no-device" },
  {
    of: "two devices",
    found: { candidates: [device(), device({ path: "/dev/vdc" })] },
    gives: "cache.several-devices",
  },
  { of: "a kernel without device-mapper", found: { deviceMapper: false }, gives: "cache.no-device-mapper" },
  { of: "no device's name", ordered: without("device"), gives: "cache.device-unnamed" },
  { of: "a guessed name", ordered: { device: "/dev/nvme1n1" }, gives: "cache.device-name-wrong" },
  { of: "a name that climbs", ordered: { device: "/dev/disk/by-id/../../vda" }, gives: "cache.device-name-wrong" },
  {
    of: "a key that is too short",
    ordered: { key: { kind: "given", key: new Secret(new Uint8Array(63)) } },
    gives: "cache.key-too-short",
  },
  {
    of: "a key that is too long",
    ordered: { key: { kind: "given", key: new Secret(new Uint8Array(65)) } },
    gives: "cache.key-too-long",
  },
  {
    of: "a half-made header",
    found: { ...one(device({ content: HEADER_JUNK })), intent: INTENT },
    gives: "format interrupted",
  },
  {
    of: "a half-made header over data",
    found: { ...one(device({ content: JUNK })), intent: INTENT },
    gives: "cache.unrecognised-data",
  },
  {
    of: "a half-made header over an earlier volume of ours",
    found: { ...one(device({ content: JUNK })), intent: { ...INTENT, found: "ours" } },
    gives: "format interrupted",
  },
  {
    of: "a torn header over a blank device",
    found: { ...one(torn(HEADER_JUNK)), intent: INTENT },
    gives: "format interrupted",
  },
  {
    of: "a torn header over somebody's data",
    found: { ...one(torn(JUNK)), intent: INTENT },
    gives: "cache.luks-foreign",
  },
  { of: "a torn header, and no intent", found: one(torn(HEADER_JUNK)), gives: "cache.luks-foreign" },
  {
    of: "LUKS of the first version, and an intent for this disk",
    found: { ...one(luksDevice({ is: "unreadable" })), intent: { ...INTENT, found: "ours" } },
    gives: "cache.luks-foreign",
  },
  { of: "a header without its label yet", found: { ...one(noLabel), intent: INTENT }, gives: "format interrupted" },
  {
    of: "an intent for another disk",
    found: { ...one(device({ content: HEADER_JUNK, identity: "serial-2" })), intent: INTENT },
    gives: "cache.unrecognised-data",
  },
  {
    of: "an intent for a disk of another size",
    found: { ...one(device({ content: HEADER_JUNK, sizeBytes: 11 * GIB })), intent: INTENT },
    gives: "cache.unrecognised-data",
  },
  {
    of: "an intent, and a disk that cannot be told from others",
    found: { ...one(withoutIdentity()), intent: withoutIntentIdentity() },
    gives: "cache.unrecognised-data",
  },
  {
    of: "an intent for another header",
    found: { ...one(noLabel), intent: { ...INTENT, luksUuid: "other" } },
    gives: "cache.luks-foreign",
  },
  {
    of: "an old intent, and a whole volume of another org",
    found: { ...one(labelled({ owner: { ...claims().owner, orgId: "other" } })), intent: INTENT },
    gives: "cache.other-org",
  },
  { of: "an old intent, and our whole kept volume", found: { ...one(labelled()), intent: INTENT }, gives: "open" },
  {
    of: "an old intent, and a file system that came later",
    found: {
      ...one(device({ signatures: [{ type: "xfs", offset: 0, isPartitionTable: false }] })),
      intent: { ...INTENT, found: "ours" },
    },
    gives: "cache.foreign-signature",
  },
  {
    of: "what is open already as ordered",
    found: { ...one(labelled()), mapping: { ...MAPPING, mountPoints: ["/cache"] }, opened: RECORD },
    gives: "take-over",
  },
  {
    of: "what is open, with another key",
    found: { ...one(labelled({}, { keyFits: false })), mapping: MAPPING, opened: RECORD },
    gives: "cache.wrong-key",
  },
  {
    of: "another volume that is open",
    ordered: { volumeId: "cache-2" },
    found: { mapping: MAPPING, opened: RECORD },
    gives: "cache.other-volume-open",
  },
  {
    of: "a kept volume that is open, ordered for this boot only",
    ordered: { key: PER_BOOT },
    found: { mapping: MAPPING, opened: RECORD },
    gives: "cache.other-volume-open",
  },
  {
    of: "a volume that is open on another device",
    found: { mapping: { ...MAPPING, device: "/dev/vdc" }, opened: { ...RECORD, device: "/dev/vdc" } },
    gives: "cache.other-volume-open",
  },
  { of: "an open volume that nobody remembers", found: { mapping: MAPPING }, gives: "close-leftover" },
  {
    of: "an open volume that is remembered from an earlier boot",
    found: { mapping: MAPPING, opened: { ...RECORD, bootId: "boot-0" } },
    gives: "close-leftover",
  },
  {
    of: "a mounted volume that nobody remembers",
    found: { mapping: { ...MAPPING, mountPoints: ["/mnt"] } },
    gives: "cache.other-volume-open",
  },
  {
    of: "something else at our name",
    found: { mapping: { device: "/dev/vdb", mountPoints: [] } },
    gives: "cache.other-volume-open",
  },
];

function oldRelease(header: Parameters<typeof labelled>[1] = {}): DeviceFacts {
  return labelled({ luksUuid: OLD_UUID }, { uuid: OLD_UUID, ...header }, true, "none");
}

function untried(): object {
  return { keyFits: undefined };
}

function torn(content: DeviceFacts["content"]): DeviceFacts {
  return luksDevice({ is: "torn" }, { content });
}

function without(key: "device"): Partial<VolumeOrder> {
  // What exactOptionalPropertyTypes calls absent: the row takes the key away again.
  return { [key]: undefined } as unknown as Partial<VolumeOrder>;
}

function withoutIdentity() {
  const { identity: _, ...rest } = device({ content: HEADER_JUNK });
  return rest;
}

function withoutIntentIdentity(): FormattingIntent {
  const { identity: _, ...rest } = INTENT;
  return rest;
}

function outcome(row: Pick<Row, "ordered" | "found">): { readonly gives: string; readonly message: string } {
  const plan = planVolume(order(row.ordered), inventory(row.found));
  if (plan.is === "refuse") return { gives: plan.refusal.code, message: plan.refusal.message };
  if (plan.is !== "format") return { gives: plan.is, message: "" };
  return { gives: `format ${typeof plan.found === "string" ? plan.found : "interrupted"}`, message: "" };
}

describe("an order's plan", () => {
  it.each(ROWS)("$of → $gives", (row) => {
    const { gives, message } = outcome(row);
    expect(gives).toBe(row.gives);
    expect(message).toMatch(gives.startsWith("cache.") ? /^[^\n]{20,300}$/ : /^$/);
    expect(message).not.toMatch(/undefined|\[object|\.$/);
  });

  it("remembers over an interrupted formatting what had been there before it", () => {
    const again = inventory({ candidates: [noLabel], intent: { ...INTENT, found: "ours" } });
    expect(planVolume(order(), again)).toMatchObject({ is: "format", found: { interrupted: "ours" } });
  });

  it("says for what it is worth to wait", () => {
    const retryable = ROWS.filter((row) => {
      const plan = planVolume(order(row.ordered), inventory(row.found));
      return plan.is === "refuse" && plan.refusal.retryable;
    });
    expect(new Set(retryable.map(({ gives }) => gives))).toEqual(
      new Set(["cache.no-device", "cache.mounted", "cache.held"]),
    );
  });
});

const RUNS = { numRuns: 20_000 };

describe("whatever is on a machine", () => {
  it("is formatted only if it is blank, a per-boot volume that we provably made, or a formatting of ours that was cut short", () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(anyOrder, anyMachine, (wish, around) => {
        const plan = planVolume(wish, around);
        if (plan.is !== "format") return true;
        const { device: chosen } = plan;
        const reasons = Object.entries(excuses(chosen, around)).filter(([, holds]) => holds);
        for (const [reason] of reasons) reached.add(reason);
        return reasons.length > 0 && isFree(chosen, around) && isNobodyElses(chosen, wish);
      }),
      RUNS,
    );
    expect(reached).toEqual(new Set(["blank", "ours", "header", "junk"]));
  });

  it("is opened only with a key that fits, and a label and header that this key authenticates, all parts of it ours", () => {
    let opened = 0;
    fc.assert(
      fc.property(anyOrder, anyMachine, (wish, around) => {
        const plan = planVolume(wish, around);
        if (plan.is !== "open") return true;
        opened += 1;
        const { luks } = plan.device;
        const label = labelOf(plan.device);
        const proven = luks?.is === "readable" && luks.keyFits === true && label?.is === "there" && label.authentic;
        const whole = luks?.is === "readable" && luks.metadata === METADATA;
        const isOld = luks?.is === "readable" && luks.uuid === OLD_UUID;
        const covered = label?.is === "there" && (label.header === "authentic" || (isOld && label.header === "none"));
        const right =
          proven &&
          whole &&
          covered &&
          plan.label.luksUuid === luks.uuid &&
          plan.label.kind === "kept" &&
          wish.key.kind === "given";
        return right && isFree(plan.device, around) && isNobodyElses(plan.device, wish);
      }),
      RUNS,
    );
    expect(opened).toBeGreaterThan(20);
  });

  it("is taken over only if it was opened in this boot, for the same owner and volume, and is what is open", () => {
    let takenOver = 0;
    fc.assert(
      fc.property(anyOrder, anyMachine, (wish, around) => {
        const plan = planVolume(wish, around);
        if (plan.is !== "take-over") return true;
        takenOver += 1;
        const { bootId, luksUuid, device: path, owner, volumeId } = plan.record;
        const open = around.mapping?.luksUuid === luksUuid && around.mapping.device === path;
        return open && bootId === around.bootId && isSame(owner, wish.owner) && volumeId === wish.volumeId;
      }),
      RUNS,
    );
    expect(takenOver).toBeGreaterThan(100);
  });
});

/** Every reason that there is to overwrite a device, told again from the facts alone. */
function excuses(chosen: DeviceFacts, { intent }: Inventory) {
  const { signatures, luks, content, identity } = chosen;
  const label = labelOf(chosen);
  const bare = signatures.length === 0 && luks === undefined;
  const known = identity !== undefined && identity === intent?.identity;
  return {
    blank: bare && content.is === "blank",
    ours: label?.is === "there" && label.authentic && label.claims.kind === "per-boot",
    header: label?.is === "none" && luks?.is === "readable" && luks.uuid === intent?.luksUuid,
    junk:
      (bare || luks?.is === "torn") &&
      known &&
      (intent?.found === "ours" || (content.is === "data" && content.headerOnly)),
  };
}

function labelOf({ luks }: DeviceFacts): LabelFacts | undefined {
  return luks?.is === "readable" ? luks.label : undefined;
}

function isFree({ use, readOnly, signatures }: DeviceFacts, { candidates, mapping }: Inventory): boolean {
  const onlyLuks = signatures.every(({ type, isPartitionTable }) => type === "crypto_LUKS" && !isPartitionTable);
  return isSame(use, FREE) && !readOnly && onlyLuks && candidates.length === 1 && mapping === undefined;
}

function isNobodyElses(chosen: DeviceFacts, { owner, volumeId }: VolumeOrder): boolean {
  const label = labelOf(chosen);
  return label?.is !== "there" || (isSame(label.claims.owner, owner) && label.claims.volumeId === volumeId);
}

/** Records of fast-check have no prototype, which makes no difference here. */
function isSame(one: object, other: object): boolean {
  return isDeepStrictEqual({ ...one }, { ...other });
}
