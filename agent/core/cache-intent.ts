import type { CacheKeyWish, CacheVolumeWish, DesiredState } from "./desired-state.ts";
import type { VolumeOrder } from "./volume/order.ts";

/** What the machine is configured with, where the control plane does not say. */
export interface CacheDefaults {
  readonly device?: string | undefined;
  readonly filesystem: VolumeOrder["filesystem"];
  /** Without an encrypted cache the machine does not become ready. */
  readonly requireEncryption: boolean;
}

export type CacheIntent =
  | { readonly is: "plain" }
  | {
      readonly is: "volume";
      readonly order: Omit<VolumeOrder, "key">;
      readonly key: Exclude<CacheKeyWish, { readonly kind: "none" }>;
    }
  | { readonly is: "impossible"; readonly because: string };

/** The id of a volume that only this machine's configuration asks for. */
const UNNAMED = "cache";

/**
 * Which cache this machine shall have: as ordered, else as configured, else a plain directory where
 * that is allowed.
 */
export function cacheIntent(
  { cacheVolume: wish, assignment: owner }: Pick<DesiredState, "cacheVolume" | "assignment">,
  defaults: CacheDefaults,
  /** Whether this machine can open volumes at all. */
  able: boolean,
): CacheIntent {
  const { device, filesystem } = defaults;
  if (!able || (wish === undefined && device === undefined)) return plain(wish, defaults, able);
  if (wish === undefined)
    return {
      is: "volume",
      order: { owner, volumeId: UNNAMED, ...(device !== undefined && { device }), filesystem },
      key: { kind: "per-boot" },
    };
  return ordered(wish, owner, defaults);
}

/** Whether two wishes ask for the same with the same key. */
export function sameVolume(a: CacheVolumeWish | undefined, b: CacheVolumeWish | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.volumeId === b.volumeId && a.device === b.device && a.filesystem === b.filesystem && sameKey(a.key, b.key);
}

function sameKey(a: CacheKeyWish, b: CacheKeyWish): boolean {
  if (a.kind === "given" && b.kind === "given") return sameBytes(a.key.reveal(), b.key.reveal());
  if (a.kind === "wrapped" && b.kind === "wrapped")
    return a.provider === b.provider && a.keyId === b.keyId && sameBytes(a.ciphertext, b.ciphertext);
  return a.kind === b.kind;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function plain(wish: CacheVolumeWish | undefined, { requireEncryption }: CacheDefaults, able: boolean): CacheIntent {
  if (!requireEncryption) return { is: "plain" };
  if (!able)
    return impossible(
      "this machine requires encryption, but its service manager cannot open volumes: run the systemd units",
    );
  if (wish === undefined)
    return impossible(
      "this machine requires encryption, but neither the control plane nor cacheVolume.device names a device for the cache",
    );
  return { is: "plain" };
}

function ordered(
  { volumeId, device: wished, filesystem: wishedFilesystem, key }: CacheVolumeWish,
  owner: VolumeOrder["owner"],
  defaults: CacheDefaults,
): CacheIntent {
  const device = wished ?? defaults.device;
  const filesystem = wishedFilesystem ?? defaults.filesystem;
  if (volumeId === "") return impossible("the control plane orders a cache volume without a volume id");
  if (key.kind === "none") return impossible(`the control plane orders the cache volume ${volumeId} without a key`);
  if (filesystem !== "ext4" && filesystem !== "xfs")
    return impossible(
      `the control plane orders the cache volume ${volumeId} with the file system ${JSON.stringify(filesystem.slice(0, 32))}; this agent knows ext4 and xfs`,
    );
  return { is: "volume", order: { owner, volumeId, ...(device !== undefined && { device }), filesystem }, key };
}

function impossible(because: string): CacheIntent {
  return { is: "impossible", because };
}
