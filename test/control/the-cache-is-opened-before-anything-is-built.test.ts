import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CachePorts, openCache } from "../../agent/control/open-cache.ts";
import type { CacheDefaults } from "../../agent/core/cache-intent.ts";
import type { CacheVolumeWish, DesiredState } from "../../agent/core/desired-state.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { CacheView } from "../../agent/core/views.ts";
import type { OpenedVolume, VolumeOrder } from "../../agent/core/volume/order.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import { desiredState, openedVolume } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { loopBook, notebook } from "./stand-ins.ts";

const PER_BOOT: CacheVolumeWish = { volumeId: "v-1", device: "/dev/disk/by-id/a", key: { kind: "per-boot" } };
const WRAPPED: CacheVolumeWish = {
  ...PER_BOOT,
  key: { kind: "wrapped", provider: "aws-kms", keyId: "k", ciphertext: new Uint8Array(8), encryptionContext: {} },
};

describe("the cache", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof notebook>;
  let report: ReturnType<typeof loopBook>;
  let desired: Cell<DesiredState | undefined>;
  let phase: Cell<Phase>;
  let cache: Cell<CacheView>;
  let orders: VolumeOrder[];
  let plainOpened: number;
  let givenFirstByte: number | undefined;
  /** What the next orders come to; after the last, all go well. */
  let outcomes: (Error | "hangs")[];
  let able: boolean;
  let running: Promise<void>;

  const open = async (order: VolumeOrder, signal: AbortSignal): Promise<OpenedVolume> => {
    orders.push(order);
    if (order.key.kind === "given") givenFirstByte = order.key.key.reveal()[0];
    const outcome = outcomes.shift();
    if (outcome instanceof Error) throw outcome;
    if (outcome === "hangs")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    return openedVolume({ volumeId: order.volumeId });
  };
  const begin = async (defaults: Partial<CacheDefaults> = {}): Promise<void> => {
    const ports: CachePorts = {
      cacheVolume: able ? { open, close: () => Promise.resolve() } : undefined,
      plainCache: {
        open: async () => {
          plainOpened += 1;
          return openedVolume({ encrypted: false, volumeId: "" });
        },
        close: () => Promise.resolve(),
      },
      keyUnwrap: { unwrap: async () => new Secret(new Uint8Array(64).fill(7)) },
      clock,
      log,
    };
    running = openCache(
      ports,
      { desired, phase, cache },
      { filesystem: "ext4", requireEncryption: false, ...defaults },
      report,
      stop.signal,
    );
    await settle();
  };
  const wish = async (cacheVolume: CacheVolumeWish): Promise<void> => {
    desired.set(desiredState({ cacheVolume }));
    await settle();
  };

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    log = notebook();
    report = loopBook();
    desired = new Cell<DesiredState | undefined>(undefined);
    phase = new Cell<Phase>({ at: "starting" });
    cache = new Cell<CacheView>({ at: "waiting" });
    orders = [];
    outcomes = [];
    plainOpened = 0;
    able = true;
  });

  afterEach(async () => {
    stop.abort();
    await running;
  });

  it("waits for the control plane's word, and is then opened as ordered", async () => {
    await begin();
    expect(cache.get()).toEqual({ at: "waiting" });
    await wish(PER_BOOT);
    expect(orders).toMatchObject([{ volumeId: "v-1", device: "/dev/disk/by-id/a", key: { kind: "per-boot" } }]);
    expect(cache.get()).toMatchObject({ at: "open", volume: { encrypted: true, volumeId: "v-1" } });
    await running;
  });

  it("asks the KMS for a wrapped key first, and overwrites it once the volume is open", async () => {
    await begin();
    await wish(WRAPPED);
    expect(givenFirstByte).toBe(7);
    const key = orders[0]?.key;
    expect(key?.kind === "given" && key.key.reveal().every((byte) => byte === 0)).toBe(true);
  });

  it("is a plain directory, and told so, where nothing else is wanted or possible", async () => {
    able = false;
    await begin();
    await wish(PER_BOOT);
    expect({ orders, plainOpened }).toEqual({ orders: [], plainOpened: 1 });
    expect(log.events).toContain("cache.open-not-encrypted");
  });

  it("is never a plain directory in place of an ordered volume that fails", async () => {
    outcomes = Array.from(
      { length: 20 },
      () => new AgentError("cache.no-device", "no such device", { retryable: true }),
    );
    await begin();
    await wish(PER_BOOT);
    await clock.advance(120_000);
    expect(plainOpened).toBe(0);
    expect(cache.get()).toEqual({ at: "failed", because: "no such device" });
    expect(orders.length).toBeGreaterThan(5);
    // The log itself tells a fault that comes again once.
    expect(new Set(log.events)).toEqual(new Set(["cache.not-open"]));
  });

  it("is tried again soon after what may pass, and slowly after what only a person can mend", async () => {
    outcomes = [
      new AgentError("cache.busy", "in use", { retryable: true }),
      new AgentError("cache.foreign", "holds an ext4 of somebody else", { retryable: false }),
    ];
    await begin();
    await wish(PER_BOOT);
    await clock.advance(1_000);
    expect(cache.get()).toEqual({ at: "failed", because: "holds an ext4 of somebody else" });
    await clock.advance(58_000);
    expect(orders).toHaveLength(2);
    await clock.advance(2_000);
    expect(cache.get().at).toBe("open");
  });

  it("is tried again at once when another volume is wanted", async () => {
    outcomes = [new AgentError("cache.foreign", "somebody else's", { retryable: false })];
    await begin();
    await wish(PER_BOOT);
    await wish({ ...PER_BOOT, volumeId: "v-2" });
    expect(cache.get()).toMatchObject({ at: "open", volume: { volumeId: "v-2" } });
  });

  it("fails with the reason, and touches nothing, where encryption is required and no device is named", async () => {
    await begin({ requireEncryption: true });
    desired.set(desiredState());
    await settle();
    expect({ orders, plainOpened }).toEqual({ orders: [], plainOpened: 0 });
    expect(cache.get()).toMatchObject({
      at: "failed",
      because: expect.stringContaining("requires encryption") as unknown,
    });
    expect(report.told).toEqual([expect.stringMatching(/again in 60000 ms$/)]);
  });

  it("is not opened any more once the machine is stopping", async () => {
    outcomes = ["hangs"];
    await begin();
    await wish(PER_BOOT);
    expect(cache.get().at).toBe("opening");
    phase.set({ at: "stopping", reason: "told to" });
    await running;
    expect(cache.get()).toMatchObject({ at: "failed", because: expect.stringContaining("interrupted") as unknown });
  });
});
