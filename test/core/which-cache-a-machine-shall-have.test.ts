import { describe, expect, it } from "vitest";
import { type CacheDefaults, cacheIntent, sameVolume } from "../../agent/core/cache-intent.ts";
import type { CacheVolumeWish } from "../../agent/core/desired-state.ts";
import { Secret } from "../../agent/core/secret.ts";
import { desiredState } from "./sample.ts";

const DEVICE = "/dev/disk/by-id/nvme-cache";
const NOTHING: CacheDefaults = { filesystem: "ext4", requireEncryption: false };
const REQUIRED: CacheDefaults = { ...NOTHING, requireEncryption: true };
const CONFIGURED: CacheDefaults = { ...NOTHING, device: DEVICE };
const { assignment } = desiredState();
const WISH: CacheVolumeWish = { volumeId: "v-1", key: { kind: "per-boot" } };

function given(byte: number): CacheVolumeWish {
  return { ...WISH, key: { kind: "given", key: new Secret(new Uint8Array(64).fill(byte)) } };
}

function wrapped(byte: number): CacheVolumeWish {
  const ciphertext = new Uint8Array(200).fill(byte);
  return { ...WISH, key: { kind: "wrapped", provider: "aws-kms", keyId: "k", ciphertext, encryptionContext: {} } };
}

function intent(cacheVolume: CacheVolumeWish | undefined, defaults: CacheDefaults, able = true) {
  return cacheIntent({ assignment, ...(cacheVolume && { cacheVolume }) }, defaults, able);
}

describe("the cache of a machine", () => {
  it.each([
    { when: "nobody names a device", wish: undefined, defaults: NOTHING, able: true },
    { when: "the service manager cannot open volumes", wish: WISH, defaults: CONFIGURED, able: false },
  ])("is a plain directory where $when and encryption is not required", ({ wish, defaults, able }) => {
    expect(intent(wish, defaults, able)).toEqual({ is: "plain" });
  });

  it.each([
    { when: "nobody names a device", wish: undefined, defaults: REQUIRED, able: true, says: "names a device" },
    {
      when: "the service manager cannot open volumes",
      wish: WISH,
      defaults: { ...REQUIRED, device: DEVICE },
      able: false,
      says: "run the systemd units",
    },
  ])("is none at all where encryption is required and $when", ({ wish, defaults, able, says }) => {
    expect(intent(wish, defaults, able)).toEqual({
      is: "impossible",
      because: expect.stringContaining(says) as unknown,
    });
  });

  it("is a volume for this boot on the configured device when the control plane does not say", () => {
    expect(intent(undefined, CONFIGURED)).toEqual({
      is: "volume",
      order: { owner: assignment, volumeId: "cache", device: DEVICE, filesystem: "ext4" },
      key: { kind: "per-boot" },
    });
  });

  it("is what the control plane says, before what is configured", () => {
    const key = { kind: "given", key: new Secret(new Uint8Array(64)) } as const;
    const wish = { volumeId: "v-2", device: "udev:ID_SERIAL=b", filesystem: "xfs", key };
    expect(intent(wish, CONFIGURED)).toEqual({
      is: "volume",
      order: { owner: assignment, volumeId: "v-2", device: "udev:ID_SERIAL=b", filesystem: "xfs" },
      key,
    });
  });

  it.each([
    { wish: { ...WISH, volumeId: "" }, says: "without a volume id" },
    { wish: { ...WISH, key: { kind: "none" } as const }, says: "v-1 without a key" },
    { wish: { ...WISH, filesystem: "btrfs" }, says: '"btrfs"; this agent knows ext4 and xfs' },
  ])("is refused with one clear sentence: $says", ({ wish, says }) => {
    expect(intent(wish, CONFIGURED)).toEqual({
      is: "impossible",
      because: expect.stringContaining(says) as unknown,
    });
  });
});

it.each([
  { a: undefined, b: undefined, same: true },
  { a: WISH, b: undefined, same: false },
  { a: WISH, b: { ...WISH }, same: true },
  { a: WISH, b: { ...WISH, volumeId: "v-2" }, same: false },
  { a: WISH, b: { ...WISH, device: DEVICE }, same: false },
  { a: WISH, b: { ...WISH, filesystem: "xfs" }, same: false },
  { a: WISH, b: given(1), same: false },
  { a: given(1), b: given(1), same: true },
  { a: given(1), b: given(2), same: false },
  { a: wrapped(1), b: wrapped(1), same: true },
  { a: wrapped(1), b: wrapped(2), same: false },
])("two wishes are the same volume: $same", ({ a, b, same }) => {
  expect(sameVolume(a, b)).toBe(same);
});
