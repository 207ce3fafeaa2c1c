import { arranged, type GatewayRun, type GatewayRuns, mayStartAnew, NO_RUNS } from "../../core/gateways.ts";
import type { GatewayView } from "../../core/views.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Gateway, GatewayEvent } from "../../ports/gateway.ts";
import type { InstalledParts } from "../../ports/installed-parts.ts";
import type { Log } from "../../ports/log.ts";
import { changed, runOf, withShown } from "./heard-run.ts";

export interface RunPorts {
  readonly gateway: Pick<Gateway, "retire">;
  readonly installed: InstalledParts;
  readonly clock: Clock;
  readonly log: Log;
}

/** A run that is no more. */
export interface GoneRun {
  readonly run: GatewayRun;
  /** It was retired, and nothing was open. Else it broke. */
  readonly isFinished: boolean;
  /** Since when it was out of sight, wall clock. */
  readonly atMs: number;
}

/** Every run of the gateway that may live, by what each says of itself. */
export class RunBook {
  readonly #ports: RunPorts;
  readonly #gone: (gone: GoneRun) => void;
  #known: GatewayRuns = NO_RUNS;
  /** Since when a run's link is lost. */
  readonly #lostAtMs = new Map<string, number>();
  /** The unit was made to start anew for the installed release: once, whatever came of it. */
  #isRenewed = false;

  constructor(ports: RunPorts, gone: (gone: GoneRun) => void) {
    this.#ports = ports;
    this.#gone = gone;
  }

  find(runId: string): GatewayRun | undefined {
    return this.#known.runs.get(runId);
  }

  /** What the event says of the runs themselves. @param shown as others know it. */
  take(runId: string, event: GatewayEvent, shown: GatewayView): void {
    this.#known = withShown(this.#known, shown);
    const { runs, isWhole } = this.#known;
    if (event.is === "present") {
      this.#drop((id) => !event.runIds.includes(id));
      this.#known = { ...this.#known, isWhole: true };
    } else if (event.is === "hello") {
      // Where only one can be, another that says hello has taken its place.
      if (event.beside === undefined) this.#drop((id) => id !== runId);
      else this.#known = { runs, isWhole: isWhole && runs.size > 0 };
      this.#put(runId, this.#withRelease(runOf(event)));
      this.#lostAtMs.delete(runId);
    } else {
      const run = runs.get(runId);
      // News before a hello says nothing of the rest.
      if (run === undefined || !run.isInSight) return;
      if (event.is !== "lost") this.#put(runId, { ...run, said: changed(run.said, event) });
      else {
        this.#put(runId, { ...run, isInSight: false });
        this.#lostAtMs.set(runId, this.#ports.clock.now().wallMs);
      }
    }
  }

  /** Which of them is the one; those that only finish from now on are retired. */
  arrange(lastRunId: string): GatewayView {
    const { view, toRetire } = arranged(this.#known, lastRunId);
    for (const runId of toRetire) {
      const run = this.find(runId);
      if (run === undefined) continue;
      this.#put(runId, { ...run, isRetired: true });
      this.#ports.gateway.retire(runId);
      this.#ports.log.info({ runId, by: view.runId, openSessions: run.said.open.size }, "gateway.replaced");
    }
    return view;
  }

  /**
   * Where another release started its unit, and nothing is open: it ends by itself, as one that was
   * replaced, and systemd starts the unit again.
   */
  renew(view: GatewayView): void {
    if (!mayStartAnew(view) || view.isOutdated !== true) return;
    const { runId } = view;
    const run = this.find(runId);
    if (this.#isRenewed || run === undefined || run.isRetired) return;
    this.#isRenewed = true;
    this.#ports.log.info({ runId }, "gateway.starting-anew");
    this.#put(runId, { ...run, isRetired: true });
    this.#ports.gateway.retire(runId);
  }

  /** Whether the release that started its unit is the one that is installed. */
  #withRelease(run: GatewayRun): GatewayRun {
    const { installed, log } = this.#ports;
    if (this.#isRenewed || run.isRetired || !installed.isOutdated("gateway")) return run;
    log.info({ runId: run.said.runId }, "gateway.outdated");
    return { ...run, said: { ...run.said, isOutdated: true } };
  }

  #put(runId: string, run: GatewayRun): void {
    this.#known = { ...this.#known, runs: new Map(this.#known.runs).set(runId, run) };
  }

  #drop(isGone: (runId: string) => boolean): void {
    const runs = new Map(this.#known.runs);
    for (const [runId, run] of runs) {
      if (!isGone(runId)) continue;
      runs.delete(runId);
      const isFinished = run.isRetired && run.said.open.size === 0;
      this.#gone({ run, isFinished, atMs: this.#lostAtMs.get(runId) ?? this.#ports.clock.now().wallMs });
      if (isFinished) this.#ports.log.info({ runId }, "gateway.finished");
      this.#lostAtMs.delete(runId);
    }
    this.#known = { ...this.#known, runs };
  }
}
