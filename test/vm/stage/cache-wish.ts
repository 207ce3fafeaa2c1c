import type { CacheVolume } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";

const DEVICE = "/dev/disk/by-id/virtio-cache";

/** A volume whose key is made on the machine, and goes with its boot. */
export function perBoot(more: Partial<CacheVolume> = {}): CacheVolume {
  return { volumeId: "vol-1", device: DEVICE, filesystem: "", key: { $case: "perBoot", value: {} }, ...more };
}

/** A volume that outlives the machine: the control plane has its key. */
export function kept(key: Uint8Array, more: Partial<CacheVolume> = {}): CacheVolume {
  return { volumeId: "vol-1", device: DEVICE, filesystem: "", key: { $case: "rawKey", value: key }, ...more };
}
