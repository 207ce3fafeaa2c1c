import { describe, expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { examined } from "../../agent/core/checks/examine.ts";
import { type Finding, withSince } from "../../agent/core/health.ts";
import type { Fixed, Known } from "../../agent/core/known.ts";
import { type CacheView, NO_BUILDKIT } from "../../agent/core/views.ts";
import { desiredState, FIXED, NOW, openedVolume, WELL } from "./sample.ts";

function found(name: string, over: Partial<Known>, fixed: Partial<Fixed> = {}) {
  return examined({ ...WELL, ...over }, NOW, { ...FIXED, ...fixed }).find((finding) => finding.name === name);
}

it("finds nothing amiss on a machine that is well", () => {
  expect(examined(WELL, NOW, FIXED).filter(({ state }) => state !== "ok")).toEqual([]);
});

describe("the cache volume", () => {
  const plain: CacheView = { at: "open", volume: openedVolume({ encrypted: false }) };
  it.each<{ cache: CacheView; state: Finding["state"]; says: string }>([
    { cache: { at: "waiting" }, state: "unknown", says: "Waits for the control plane" },
    { cache: { at: "opening" }, state: "failed", says: "Being opened" },
    {
      cache: { at: "failed", because: "two devices match" },
      state: "failed",
      says: "Cannot be opened: two devices match",
    },
    { cache: { at: "closed" }, state: "failed", says: "at its end" },
    { cache: plain, state: "ok", says: "A plain directory" },
    { cache: WELL.cache, state: "ok", says: "v-1 is open on /dev/disk/by-id/nvme-cache (ext4)" },
    {
      cache: { at: "open", volume: openedVolume({ check: "rebuilt" }) },
      state: "ok",
      says: "its file system was rebuilt after an unclean end",
    },
  ])("says: $says", ({ cache, state, says }) => {
    expect(found("cache-volume", { cache })).toMatchObject({
      blocking: true,
      neededByBuilds: true,
      state,
      message: expect.stringContaining(says) as unknown,
    });
  });

  it("that differs from what is wanted now is told, and keeps nobody out", () => {
    const desired = desiredState({ cacheVolume: { volumeId: "v-9", key: { kind: "per-boot" } } });
    expect(found("cache-volume", { desired })).toMatchObject({ state: "failed", blocking: false });
  });

  it.each([
    { cache: WELL.cache, requireEncryption: true, ok: true, blocking: true },
    { cache: plain, requireEncryption: true, ok: false, blocking: true },
    { cache: plain, requireEncryption: false, ok: false, blocking: false },
  ])("is encrypted: $ok, blocking: $blocking", ({ cache, requireEncryption, ok, blocking }) => {
    const encryption = found("encryption", { cache }, { requireEncryption });
    expect(encryption).toMatchObject({ state: ok ? "ok" : "failed", blocking });
    expect(encryption?.message.startsWith("NOT ENCRYPTED")).toBe(!ok);
  });

  it("that cannot be had is the reason that a refused build is given, before what follows from it", () => {
    const over = { cache: { at: "failed", because: "no device" }, buildkit: NO_BUILDKIT } as const;
    const checks = examined({ ...WELL, ...over }, NOW, FIXED).map((finding) =>
      withSince(undefined, finding, NOW.wallMs),
    );
    expect(admission({ at: "degraded", because: [] }, checks)).toEqual({
      at: "closed",
      because: "cache-volume: Cannot be opened: no device",
    });
  });
});

it("tells what the control plane asks for and this machine cannot do, and only that", () => {
  const desired = desiredState({ asksFor: ["cache-volume", "tailnet"] });
  expect(found("unsupported", { desired })?.message).toMatch(/cannot do: tailnet$/);
  expect(found("unsupported", { desired }, { capabilities: ["builds"] })?.message).toMatch(/cache-volume, tailnet$/);
});

describe("the clock", () => {
  const MINUTE_MS = 60_000;
  const off = (aheadMs: number): Partial<Known> => ({
    plane: { ...WELL.plane, time: { planeMs: NOW.wallMs - aheadMs, at: NOW } },
    // Issued a moment ago by the control plane's clock, backdated as the contract says.
    certificates: {
      lastRenewalError: "",
      machineNotBeforeMs: NOW.wallMs - aheadMs - 5 * MINUTE_MS,
      machineNotAfterMs: NOW.wallMs - aheadMs + 60 * MINUTE_MS,
    },
  });

  it.each<{ minutes: number; state: Finding["state"]; blocking: boolean; says: string }>([
    { minutes: 0, state: "ok", blocking: false, says: "Within 1 s" },
    { minutes: 0.5, state: "ok", blocking: false, says: "30 s ahead of the control plane's" },
    { minutes: -5, state: "failed", blocking: false, says: "5 min behind the control plane's" },
    { minutes: 5, state: "failed", blocking: false, says: "Tolerated up to 5 min" },
    { minutes: 6, state: "failed", blocking: false, says: "refused and cut before their time" },
    { minutes: -6, state: "failed", blocking: true, says: "refused as not valid yet, and cut too late" },
    { minutes: 120, state: "failed", blocking: true, says: "2 h 0 min ahead of the control plane's" },
    { minutes: -120, state: "failed", blocking: true, says: "2 h 0 min behind the control plane's" },
  ])("that is $minutes min ahead is told as $state, blocking: $blocking", ({ minutes, state, blocking, says }) => {
    const over = off(minutes * MINUTE_MS);
    expect(found("clock", over)).toMatchObject({ state, blocking, message: expect.stringContaining(says) as unknown });
    // The certificate is judged by the clock that it was issued by: one cause shows once.
    expect(found("machine-certificate", over)).toMatchObject({ state: "ok" });
  });

  it("that leapt is not judged before the control plane has said its time again", () => {
    const at = { wallMs: NOW.wallMs - 60 * MINUTE_MS, monoMs: NOW.monoMs };
    const plane = { ...WELL.plane, time: { planeMs: at.wallMs, at } };
    expect(found("clock", { plane })).toMatchObject({ state: "unknown", blocking: false });
  });
});

describe("the space of the cache", () => {
  const GIB = 1024 ** 3;
  const disk = (over: object) =>
    found("disk", { resources: { ...WELL.resources, cacheSizeBytes: 100 * GIB, ...over } as Known["resources"] });

  it.each([
    { over: { cacheFreeBytes: 50 * GIB }, state: "ok", says: /^50\.0 GiB of 100\.0 GiB free$/ },
    { over: { cacheFreeBytes: 4 * GIB }, state: "ok", says: /free: the cache is pruned below 5\.0 GiB$/ },
    {
      over: { cacheFreeBytes: 50 * GIB, cacheInodes: 1_000_000, cacheFreeInodes: 40_000 },
      state: "ok",
      says: /free, 40000 of 1000000 inodes free, one for each file: it is pruned below 65536$/,
    },
    { over: { cacheFreeBytes: GIB / 8 }, state: "failed", says: /^128\.0 MiB of .*refused below 256\.0 MiB$/ },
  ])("is told by its levels: $says", ({ over, state, says }) => {
    const finding = disk(over);
    expect(finding?.state).toBe(state);
    expect(finding?.message).toMatch(says);
  });

  it("asks for a larger disk where bytes are short, and for another file system where inodes are", () => {
    expect(disk({ cacheFreeBytes: 0 })?.remedy).toMatch(/^Make the cache's disk larger/);
    expect(disk({ cacheFreeBytes: GIB, cacheInodes: 1_000_000, cacheFreeInodes: 5 })?.remedy).toMatch(/"xfs"/);
  });
});
