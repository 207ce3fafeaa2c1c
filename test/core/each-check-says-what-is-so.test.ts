import { describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { findings, type Surroundings } from "../../agent/core/checks.ts";
import { IDLE_RELIEF } from "../../agent/core/disk-relief.ts";
import { withSince } from "../../agent/core/health.ts";
import { type CacheView, NO_BUILDKIT, NO_GATEWAY, NO_PLANE } from "../../agent/core/views.ts";
import { desiredState, NOW, openedVolume } from "./sample.ts";

const AROUND: Surroundings = {
  gateway: { ...NO_GATEWAY, connected: true, listening: true, servingNotAfterMs: NOW.wallMs + 1 },
  buildkit: { ...NO_BUILDKIT, at: "ready" },
  plane: { ...NO_PLANE, attached: true, confirmedAt: NOW },
  certificates: { machineNotAfterMs: NOW.wallMs + 1, lastRenewalError: "" },
  desired: desiredState(),
  resources: { memoryAvailableBytes: 1, load1m: 0, cacheSizeBytes: 2 ** 40, cacheFreeBytes: 2 ** 39 },
  relief: IDLE_RELIEF,
  records: { waiting: 0, dropped: 0 },
  cache: { at: "open", volume: openedVolume() },
  requireEncryption: true,
  network: { at: "none" },
  isolation: { at: "unverified" },
  tailnet: { at: "none" },
  capabilities: ["builds", "cache-volume"],
};

function found(name: string, over: Partial<Surroundings>) {
  return findings({ ...AROUND, ...over }, NOW).find((finding) => finding.name === name);
}

it("finds nothing amiss on a machine that is well", () => {
  expect(findings(AROUND, NOW).filter(({ ok }) => !ok)).toEqual([]);
});

describe("the cache volume", () => {
  const plain: CacheView = { at: "open", volume: openedVolume({ encrypted: false }) };
  it.each<{ cache: CacheView; ok: boolean; says: string }>([
    { cache: { at: "waiting" }, ok: false, says: "Waits for the control plane" },
    { cache: { at: "opening" }, ok: false, says: "Being opened" },
    { cache: { at: "failed", because: "two devices match" }, ok: false, says: "Cannot be opened: two devices match" },
    { cache: { at: "closed" }, ok: false, says: "at its end" },
    { cache: plain, ok: true, says: "A plain directory" },
    { cache: AROUND.cache, ok: true, says: "v-1 is open on /dev/disk/by-id/nvme-cache (ext4)" },
    {
      cache: { at: "open", volume: openedVolume({ check: "rebuilt" }) },
      ok: true,
      says: "its file system was rebuilt after an unclean end",
    },
  ])("says: $says", ({ cache, ok, says }) => {
    const requireEncryption = false;
    expect(found("cache-volume", { cache, requireEncryption })).toEqual({
      name: "cache-volume",
      blocking: true,
      ok,
      message: expect.stringContaining(says) as unknown,
    });
  });

  it("that differs from what is wanted now is told, and keeps nobody out", () => {
    const desired = desiredState({ cacheVolume: { volumeId: "v-9", key: { kind: "per-boot" } } });
    expect(found("cache-volume", { desired })).toMatchObject({ ok: false, blocking: false });
  });

  it.each([
    { cache: AROUND.cache, requireEncryption: true, ok: true, blocking: true },
    { cache: plain, requireEncryption: true, ok: false, blocking: true },
    { cache: plain, requireEncryption: false, ok: false, blocking: false },
  ])("is encrypted: $ok, blocking: $blocking", ({ cache, requireEncryption, ok, blocking }) => {
    const encryption = found("encryption", { cache, requireEncryption });
    expect(encryption).toMatchObject({ ok, blocking });
    expect(encryption?.message.startsWith("NOT ENCRYPTED")).toBe(!ok);
  });

  it("that cannot be had is the reason that a refused build is given, before what follows from it", () => {
    const over = { cache: { at: "failed", because: "no device" }, buildkit: NO_BUILDKIT } as const;
    const checks = findings({ ...AROUND, ...over }, NOW).map((finding) => withSince(undefined, finding, NOW.wallMs));
    expect(admission({ at: "degraded", because: [] }, checks)).toEqual({
      at: "closed",
      because: "cache-volume: Cannot be opened: no device",
    });
  });
});

it("tells what the control plane asks for and this machine cannot do, and only that", () => {
  const desired = desiredState({ asksFor: ["cache-volume", "tailnet"] });
  expect(found("unsupported", { desired })?.message).toMatch(/cannot do: tailnet$/);
  expect(found("unsupported", { desired, capabilities: ["builds"] })?.message).toMatch(/cache-volume, tailnet$/);
});
