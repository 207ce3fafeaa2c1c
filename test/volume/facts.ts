import { Secret } from "../../agent/core/secret.ts";
import type {
  DeviceFacts,
  DeviceUse,
  Inventory,
  LuksFacts,
  LuksHeader,
  Signature,
} from "../../agent/core/volume/inventory.ts";
import type { LabelClaims } from "../../agent/core/volume/label.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";

export const GIB = 1024 ** 3;
export const UUID = "11111111-2222-3333-4444-555555555555";
export const BOOT = "boot-1";

export const FREE: DeviceUse = { mountPoints: [], swap: false, partitions: [], holders: [], claimed: false };

export function device(over: Partial<DeviceFacts> = {}): DeviceFacts {
  return {
    path: "/dev/vdb",
    type: "disk",
    sizeBytes: 10 * GIB,
    readOnly: false,
    identity: "serial-1",
    use: FREE,
    signatures: [],
    content: { is: "blank" },
    ...over,
  };
}

export const LUKS_SIGNATURES: readonly Signature[] = [
  { type: "crypto_LUKS", offset: 0, isPartitionTable: false },
  { type: "crypto_LUKS", offset: 16_384, isPartitionTable: false },
];

export function luksDevice(luks: LuksFacts, over: Partial<DeviceFacts> = {}): DeviceFacts {
  return device({ signatures: LUKS_SIGNATURES, content: { is: "unread" }, luks, ...over });
}

export function claims(over: Partial<LabelClaims> = {}): LabelClaims {
  const owner = { orgId: "acme", projectId: "web", architecture: "amd64" };
  return {
    kind: "kept",
    owner,
    volumeId: "cache-1",
    filesystem: "ext4",
    luksUuid: UUID,
    createdMs: 1,
    bootId: "boot-0",
    ...over,
  };
}

/** A device with a label of ours that is as it should be, but for what is given. */
export function labelled(
  over: Partial<LabelClaims> = {},
  header: Partial<LuksHeader> = {},
  authentic = true,
): DeviceFacts {
  const label = { is: "there", claims: claims(over), authentic } as const;
  return luksDevice({ is: "readable", uuid: UUID, keySlots: 1, keyFits: true, label, ...header });
}

export function inventory(over: Partial<Inventory> = {}): Inventory {
  return { bootId: BOOT, deviceMapper: true, candidates: [device()], ...over };
}

export function order(over: Partial<VolumeOrder> = {}): VolumeOrder {
  const owner = { orgId: "acme", projectId: "web", architecture: "amd64" };
  return {
    owner,
    volumeId: "cache-1",
    device: "/dev/disk/by-id/virtio-cache",
    filesystem: "ext4",
    key: GIVEN,
    ...over,
  };
}

export const GIVEN = { kind: "given", key: new Secret<Uint8Array>(new Uint8Array(64)) } as const;
export const PER_BOOT = { kind: "per-boot" } as const;
