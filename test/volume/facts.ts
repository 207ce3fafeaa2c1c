import { Secret } from "../../agent/core/secret.ts";
import type { HeaderMetadata } from "../../agent/core/volume/header-form.ts";
import type {
  DeviceFacts,
  DeviceUse,
  HeaderProof,
  Inventory,
  LuksFacts,
  LuksHeader,
  Signature,
} from "../../agent/core/volume/inventory.ts";
import type { LabelClaims } from "../../agent/core/volume/label.ts";
import type { VolumeOrder } from "../../agent/core/volume/order.ts";

export const GIB = 1024 ** 3;
/** Of a header that its label covers. */
export const UUID = "11111111-2222-8333-8444-555555555555";
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

/** Of a header that luksFormat wrote as the agent has it written. */
export const METADATA: HeaderMetadata = new Map([
  ["keyslots/0/type", "luks2"],
  ["keyslots/0/key_size", "64"],
  ["keyslots/0/af/type", "luks1"],
  ["keyslots/0/af/stripes", "4000"],
  ["keyslots/0/af/hash", "sha256"],
  ["keyslots/0/area/type", "raw"],
  ["keyslots/0/area/offset", "32768"],
  ["keyslots/0/area/size", "258048"],
  ["keyslots/0/area/encryption", "aes-xts-plain64"],
  ["keyslots/0/area/key_size", "64"],
  ["keyslots/0/kdf/type", "pbkdf2"],
  ["keyslots/0/kdf/hash", "sha256"],
  ["keyslots/0/kdf/iterations", "1000"],
  ["keyslots/0/kdf/salt", "KZqie00ib29z78/8NN52WTVWqEt9epM1jyd7kV+tFKs="],
  ["segments/0/type", "crypt"],
  ["segments/0/offset", "16777216"],
  ["segments/0/size", "dynamic"],
  ["segments/0/iv_tweak", "0"],
  ["segments/0/encryption", "aes-xts-plain64"],
  ["segments/0/sector_size", "4096"],
  ["digests/0/type", "pbkdf2"],
  ["digests/0/keyslots/0", "0"],
  ["digests/0/segments/0", "0"],
  ["digests/0/hash", "sha256"],
  ["digests/0/iterations", "1000"],
  ["digests/0/salt", "UopXWwgLp5Iqf83WXVek6VdyXL874sTpIin0lAlMV9U="],
  ["digests/0/digest", "oG1QKwOVd5tb6BxvVsI8CSRrbkr4FGVN54gN0mY05D0="],
  ["config/json_size", "12288"],
  ["config/keyslots_size", "16744448"],
]);

export function metadata(over: Readonly<Record<string, string>>): HeaderMetadata {
  return new Map([...METADATA, ...Object.entries(over)]);
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
  proof: HeaderProof = "authentic",
): DeviceFacts {
  const label = { is: "there", claims: claims(over), authentic, header: proof } as const;
  return luksDevice({ is: "readable", uuid: UUID, keySlots: 1, keyFits: true, label, metadata: METADATA, ...header });
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
