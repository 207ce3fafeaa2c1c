import type { MachineFacts, Resources, Versions } from "../../../agent/core/machine.ts";
import type { Machine } from "../../../agent/ports/machine.ts";
import type { SimulatedBuildkit } from "./buildkit.ts";

/** The virtual machine itself. */
export class SimulatedMachine implements Machine {
  readonly #buildkit: SimulatedBuildkit;
  #boots = 1;

  constructor(buildkit: SimulatedBuildkit) {
    this.#buildkit = buildkit;
  }

  get boot(): string {
    return `boot-${this.#boots}`;
  }

  reboot(): void {
    this.#boots += 1;
  }

  async facts(): Promise<MachineFacts> {
    return {
      bootId: this.boot,
      hostname: "builder",
      architecture: "amd64",
      kernel: "6.1",
      os: "Debian 12",
      cpuCount: 8,
      cpuModel: "simulated",
      memoryBytes: 32 * 1024 ** 3,
      platform: "simulated",
      blockDevices: [],
    };
  }

  async bootId(): Promise<string> {
    return this.boot;
  }

  async versions(): Promise<Versions> {
    return { agent: "0", node: "20", buildkit: "v0.33.1", contract: "builder.agent.v1" };
  }

  async resources(): Promise<Resources> {
    const { diskBytes, usedBytes } = this.#buildkit;
    return {
      memoryAvailableBytes: 16 * 1024 ** 3,
      load1m: 1,
      cacheSizeBytes: diskBytes,
      cacheFreeBytes: diskBytes - usedBytes,
      cacheInodes: 0,
      cacheFreeInodes: 0,
    };
  }
}
