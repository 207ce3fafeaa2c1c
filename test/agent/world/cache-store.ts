import type { CacheFilesystemSeen } from "../../../agent/core/cache-filesystem.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import type { OpenedVolume, VolumeOrder } from "../../../agent/core/volume/order.ts";
import type { PlainCache } from "../../../agent/ports/cache-volume.ts";
import type { Stage } from "./stage.ts";

const MOUNT = {
  ...{ mountPoint: "/cache", device: "254:0", root: "/", source: "/dev/mapper/cache", filesystem: "ext4" },
  options: ["rw"],
};

/** The cache's directory or volume. It outlives control. */
export class SimulatedCache implements PlainCache {
  readonly #stage: Stage;
  readonly isEncrypted: boolean;
  openMs = 300;
  closeMs = 700;
  opensToFail = 0;
  /** So many of the next closings fail. */
  closesToFail = 0;
  isOpen = false;
  #orders: Promise<unknown> = Promise.resolve();
  #writes = 0;

  constructor(stage: Stage, isEncrypted: boolean) {
    this.#stage = stage;
    this.isEncrypted = isEncrypted;
  }

  /** Each look finds another write that went well. */
  look(): CacheFilesystemSeen {
    this.#writes += 1;
    return { mount: MOUNT, write: { is: "written", number: String(this.#writes) } };
  }

  reboot(): void {
    this.#turn(false);
  }

  open(_order: VolumeOrder | undefined, signal: AbortSignal): Promise<OpenedVolume> {
    return this.#oneAtATime(() => this.#open(signal));
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#oneAtATime(() => this.#close(signal));
  }

  /** As the volume's lock does, also for an order whose asker is gone. */
  #oneAtATime<T>(order: () => Promise<T>): Promise<T> {
    const mine = this.#orders.then(order);
    this.#orders = mine.catch(() => undefined);
    return mine;
  }

  async #open(signal: AbortSignal): Promise<OpenedVolume> {
    await this.#stage.clock.wait(this.openMs, signal);
    signal.throwIfAborted();
    if (this.opensToFail > 0) {
      this.opensToFail -= 1;
      throw new AgentError("cache.no-device", "The device is not there yet", { retryable: true });
    }
    const takenOver = this.isOpen;
    this.#turn(true);
    return {
      encrypted: this.isEncrypted,
      device: "/dev/vdb",
      volumeId: "cache",
      kind: this.isEncrypted ? "per-boot" : "plain",
      filesystem: "ext4",
      formatted: !takenOver,
      check: "not-needed",
      grownBytes: 0,
      steps: [],
      takenOver,
    };
  }

  async #close(signal: AbortSignal): Promise<void> {
    await this.#stage.clock.wait(this.closeMs, signal);
    const failed = this.closesToFail > 0 || signal.aborted;
    this.#stage.trace.note({ is: "step", step: "cache-closed", failed });
    if (failed) {
      this.closesToFail = Math.max(0, this.closesToFail - 1);
      throw new AgentError("cache.busy", "The volume is busy", { retryable: true });
    }
    this.#turn(false);
  }

  #turn(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.#stage.trace.note({ is: "cache", isOpen });
  }
}
