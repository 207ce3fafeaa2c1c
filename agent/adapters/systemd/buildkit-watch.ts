import type { UnitStatus } from "../../ports/buildkit.ts";
import { type BuildkitRun, buildkitRun, UNKNOWN_RUN } from "./buildkit-run.ts";
import { lastWords } from "./journal.ts";
import { oomKills } from "./oom-kills.ts";
import { showUnit } from "./systemctl.ts";
import { UNIT_NAMES } from "./unit-names.ts";

/**
 * Looks at the unit, and makes one status of each state that it is in: the same object for as long
 * as nothing has changed.
 */
export class BuildkitWatch {
  /** An end that was asked for is not an exit. */
  stopAsked = false;
  #last: { readonly key: string; readonly status: UnitStatus } | undefined;
  #killsBefore: number | undefined;

  /**
   * Undefined while it is between two states. @throws {AgentError} "service.no-answer" (retryable).
   */
  async look(signal: AbortSignal): Promise<UnitStatus | undefined> {
    const run = buildkitRun(await showUnit(UNIT_NAMES.buildkitd, UNKNOWN_RUN, signal));
    if (run.at === "between") return undefined;
    const key = JSON.stringify(run);
    if (this.#last?.key !== key) this.#last = { key, status: await this.#statusOf(run, signal) };
    return this.#last.status;
  }

  async #statusOf(run: Exclude<BuildkitRun, { at: "between" }>, signal: AbortSignal): Promise<UnitStatus> {
    switch (run.at) {
      case "none":
        return { at: "stopped" };
      case "up":
        this.#killsBefore = await oomKills();
        return { at: "running", pid: run.pid };
      case "over": {
        if (this.stopAsked) return { at: "stopped" };
        const [before, after] = [this.#killsBefore, await oomKills()];
        const lastLines = await lastWords(run.invocationId, signal);
        const kills = before === undefined || after === undefined ? {} : { oomKills: after - before };
        return { at: "exited", exit: { ...run.how, lastLines, ...kills } };
      }
      default:
        return run satisfies never;
    }
  }
}
