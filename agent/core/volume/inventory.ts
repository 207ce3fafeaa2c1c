import type { HeaderMetadata } from "./header-form.ts";
import type { LabelClaims } from "./label.ts";
import type { VolumeKind, VolumeOwner } from "./order.ts";
import type { Content } from "./samples.ts";

/** Everything that the plan knows: facts, each as it was found, without a judgement. */
export interface Inventory {
  readonly bootId: string;
  /** Whether the kernel can map encrypted devices at all. */
  readonly deviceMapper: boolean;
  /** All devices that the order's reference fits. */
  readonly candidates: readonly DeviceFacts[];
  /** What stands at our name for an open volume. */
  readonly mapping?: MappingFacts;
  /** What we remember to have opened, of whatever boot. */
  readonly opened?: OpenRecord;
  /** A formatting that we began and did not end. */
  readonly intent?: FormattingIntent;
}

export interface DeviceFacts {
  /** The kernel's name today: "/dev/nvme1n1". */
  readonly path: string;
  /** As lsblk names it: "disk", "part", "lvm", "raid1", "rom", … */
  readonly type: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /**
   * World wide name, or serial, and a partition's own id: the same in every boot and on every
   * machine. Absent: it has none.
   */
  readonly identity?: string;
  readonly use: DeviceUse;
  /** In the order of their offsets. */
  readonly signatures: readonly Signature[];
  readonly luks?: LuksFacts;
  readonly content: Content;
}

export interface DeviceUse {
  /** Of it and of all that stands on it. */
  readonly mountPoints: readonly string[];
  readonly swap: boolean;
  /** Paths of its partitions. */
  readonly partitions: readonly string[];
  /** Paths of what else stands on it: device-mapper, RAID, … */
  readonly holders: readonly string[];
  /** The kernel has given it to somebody exclusively. */
  readonly claimed: boolean;
}

export interface Signature {
  /** As wipefs and blkid name it: "ext4", "gpt", "crypto_LUKS", … */
  readonly type: string;
  readonly offset: number;
  readonly isPartitionTable: boolean;
}

export type LuksFacts =
  | ({ readonly is: "readable" } & LuksHeader)
  /** It begins as LUKS2 and cannot be read: what a formatting leaves that power was cut from. */
  | { readonly is: "torn" }
  /** LUKS1, or whatever cryptsetup does not read. */
  | { readonly is: "unreadable" };

export interface LuksHeader {
  readonly uuid: string;
  readonly keySlots: number;
  readonly label: LabelFacts;
  readonly metadata: HeaderMetadata;
  /**
   * Whether the order's key opens a slot. Absent: the order gives none, or the header is not of our
   * form and was not given a key.
   */
  readonly keyFits?: boolean;
}

export type LabelFacts =
  | { readonly is: "none" }
  /** A token of our type that we cannot read. */
  | { readonly is: "malformed" }
  /** `authentic`: its code is right, by the key that its kind asks for. */
  | {
      readonly is: "there";
      readonly claims: LabelClaims;
      readonly authentic: boolean;
      readonly header: HeaderProof;
    };

/**
 * What the label's second code says of the header around it, by the same key. none: it has no
 * such code, as an earlier release made it.
 */
export type HeaderProof = "authentic" | "altered" | "none";

/** /dev/mapper/builder-agent-cache. */
export interface MappingFacts {
  /** Absent: it is no LUKS mapping. */
  readonly luksUuid?: string;
  /** The device below it. */
  readonly device: string;
  readonly mountPoints: readonly string[];
}

/** Kept on tmpfs while a volume is open. Never a key. */
export interface OpenRecord {
  readonly bootId: string;
  readonly device: string;
  readonly luksUuid: string;
  readonly kind: VolumeKind;
  readonly owner: VolumeOwner;
  readonly volumeId: string;
  readonly filesystem: LabelClaims["filesystem"];
  readonly openedMs: number;
}

/**
 * Written to the machine's own disk before the first byte of a device is overwritten, and removed
 * after the label: after a power cut in between it proves that what is on the device is a half-made
 * volume of ours.
 */
export interface FormattingIntent {
  readonly identity?: string;
  readonly sizeBytes: number;
  /** Of the header that we were about to write. */
  readonly luksUuid: string;
  /**
   * "blank": only what luksFormat writes can be on it. "ours": the ciphertext of an earlier volume
   * of ours as well.
   */
  readonly found: "blank" | "ours";
  readonly beganMs: number;
}
