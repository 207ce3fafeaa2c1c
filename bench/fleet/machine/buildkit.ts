import { NO_NETWORK_GENERATION } from "../../../agent/core/views.ts";
import { Queue } from "../../../agent/lifecycle/queue.ts";
import type { BuildkitCache, BuildkitProbe, BuildkitUnit, UnitStatus } from "../../../agent/ports/buildkit.ts";

/** buildkitd that starts, answers and stops at once. */
export class InstantBuildkit implements BuildkitUnit, BuildkitProbe, BuildkitCache {
  readonly #watchers = new Set<Queue<UnitStatus>>();
  #status: UnitStatus = { at: "stopped" };
  #configuration = "";

  async configure(toml: string): Promise<void> {
    this.#configuration = toml;
  }

  async start(): Promise<void> {
    if (this.#status.at !== "running") this.#turn({ at: "running", pid: process.pid });
  }

  async stop(): Promise<void> {
    this.#turn({ at: "stopped" });
  }

  async *statuses(signal: AbortSignal): AsyncGenerator<UnitStatus> {
    const watcher = new Queue<UnitStatus>();
    watcher.push(this.#status);
    this.#watchers.add(watcher);
    try {
      yield* watcher.drain(signal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async listWorkers() {
    return { workers: 1, platforms: ["linux/amd64"], version: "v0.33.1" };
  }

  async deleteHistory() {
    return { records: 0 };
  }

  async forgetTransfers() {
    return { records: 0, freedBytes: 0 };
  }

  async reaches() {
    return [];
  }

  async prune() {
    return { records: 0, freedBytes: 0 };
  }

  /** How its last start was prepared. */
  preparation() {
    const past = { preparedAtMs: 0, tookMs: 0, lastEnd: "clean", checked: [] } as const;
    return { schemaVersion: 1, ...past, configuration: this.#configuration, network: NO_NETWORK_GENERATION } as const;
  }

  #turn(status: UnitStatus): void {
    this.#status = status;
    for (const watcher of this.#watchers) watcher.push(status);
  }
}
