import * as fc from "fast-check";
import type { Signature } from "../../agent/core/volume/inventory.ts";
import {
  BOOT,
  claims,
  device,
  FREE,
  GIB,
  LUKS_SIGNATURES,
  METADATA,
  metadata,
  order,
  PER_BOOT,
  UUID,
} from "./facts.ts";

/** Nearly right most of the time: only then are the last lines of defence reached. */
function usually<T>(value: T, otherwise: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: otherwise });
}

/** Of an earlier release, whose labels say nothing of the header. */
export const OLD_UUID = "11111111-2222-4333-8444-555555555555";

const uuid = usually(UUID, fc.constantFrom("other-uuid", OLD_UUID));
const kind = fc.constantFrom("per-boot" as const, "kept" as const);
const identity = usually("serial-1", fc.constant("serial-2"));
const owner = fc.record({
  orgId: usually("acme", fc.constant("other")),
  projectId: usually("web", fc.constant("other")),
  architecture: usually("amd64", fc.constant("arm64")),
});
const volumeId = usually("cache-1", fc.constant("cache-2"));
const filesystem = fc.constantFrom("ext4" as const, "xfs" as const);
const path = usually("/dev/vdb", fc.constant("/dev/vdc"));
const places = usually<string[]>([], fc.constant(["/somewhere"]));
const boot = usually(BOOT, fc.constant("boot-0"));

const label = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ is: "none" as const }) },
  { weight: 1, arbitrary: fc.constant({ is: "malformed" as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constant("there" as const),
      authentic: usually(true, fc.constant(false)),
      header: usually("authentic" as const, fc.constantFrom("altered" as const, "none" as const)),
      claims: fc.record({ ...constants(claims()), kind, owner, volumeId, filesystem, luksUuid: uuid }),
    }),
  },
);

const luks = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      is: fc.constant("readable" as const),
      uuid,
      keySlots: usually(1, fc.constant(0)),
      label,
      metadata: usually(
        METADATA,
        fc.constantFrom(metadata({ "segments/0/type": "linear" }), metadata({ "segments/1/type": "crypt" })),
      ),
      keyFits: usually(true, fc.constant(false)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constantFrom("torn" as const, "unreadable" as const) }) },
);

const content = fc.oneof(
  fc.constant({ is: "blank" as const }),
  fc.constant({ is: "unread" as const }),
  fc.record({ is: fc.constant("data" as const), at: fc.nat(), headerOnly: fc.boolean() }),
);

const use = fc.record({
  mountPoints: places,
  swap: usually(false, fc.constant(true)),
  partitions: places,
  holders: places,
  claimed: usually(false, fc.constant(true)),
});

const common = {
  path,
  type: usually("disk", fc.constantFrom("part", "rom", "crypt")),
  sizeBytes: usually(10 * GIB, fc.constantFrom(1_000, 11 * GIB)),
  readOnly: usually(false, fc.constant(true)),
  use: usually(FREE, use),
};

const foreign = fc.constantFrom(
  { type: "ext4", offset: 1_080, isPartitionTable: false },
  { type: "gpt", offset: 512, isPartitionTable: true },
);

const anyDevice = fc
  .oneof(
    fc.record({ ...common, signatures: usually<Signature[]>([], fc.tuple(foreign)), content, identity }),
    fc.record({
      ...common,
      signatures: usually<Signature[]>([...LUKS_SIGNATURES], fc.tuple(foreign)),
      content,
      luks,
      identity,
    }),
  )
  .chain((facts) => usually(facts, fc.constant(device({ content: { is: "unread" }, signatures: LUKS_SIGNATURES }))));

export const anyMachine = fc.record(
  {
    bootId: fc.constant(BOOT),
    deviceMapper: usually(true, fc.constant(false)),
    candidates: fc.oneof(
      { weight: 12, arbitrary: fc.tuple(anyDevice) },
      { weight: 1, arbitrary: fc.array(anyDevice, { maxLength: 3 }) },
    ),
    mapping: fc.record({ luksUuid: uuid, device: path, mountPoints: places }),
    opened: fc.record({
      bootId: boot,
      device: path,
      luksUuid: uuid,
      kind,
      owner,
      volumeId,
      filesystem,
      openedMs: fc.nat(),
    }),
    intent: fc.record({
      identity,
      sizeBytes: usually(10 * GIB, fc.constant(1_000)),
      luksUuid: uuid,
      found: fc.constantFrom("blank" as const, "ours" as const),
      beganMs: fc.nat(),
    }),
  },
  { requiredKeys: ["bootId", "deviceMapper", "candidates"] },
);

export const anyOrder = fc.constantFrom(order(), order({ key: PER_BOOT }));

function constants<T extends object>(value: T): { readonly [K in keyof T]: fc.Arbitrary<T[K]> } {
  // One arbitrary for each of its own keys.
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fc.constant(part)])) as {
    readonly [K in keyof T]: fc.Arbitrary<T[K]>;
  };
}
