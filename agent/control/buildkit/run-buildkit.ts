import { untilBeatMs } from "../../core/beat.ts";
import { askAgainMs, SILENT_MS } from "../../core/buildkit-silence.ts";
import { inWords } from "../../core/errors.ts";
import type { Instant } from "../../core/instant.ts";
import { rfc3339 } from "../../core/moment.ts";
import { afterExit, BUILDKIT_RESTARTS } from "../../core/restart-budget.ts";
import { describeExit, spoken } from "../../core/unit-exit.ts";
import { type BuildkitView, isIdle, networkGeneration } from "../../core/views.ts";
import { firstOf, within } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import type { LoopReport } from "../../lifecycle/loop-report.ts";
import { type Failure, type Pauses, reconcile } from "../../lifecycle/reconcile.ts";
import type { Preparation, UnitExit, UnitStatus } from "../../ports/buildkit.ts";
import { forgetTransfers } from "./forget-transfers.ts";
import type { BuildkitCells, BuildkitPorts } from "./parts.ts";
import { proveGuarded, Unguarded } from "./prove-guarded.ts";

const PROBE_EVERY_MS = 5_000;
/** While it starts it is asked often: the first answer opens the door. */
const FIRST_PROBES_MS = 50;
/** A unit that was started says so within this; if not, it is asked to start again. */
const STATUS_MS = 10_000;
/**
 * A daemon that has been silent for so long, and has no session to lose, is stopped so that it can
 * start anew.
 */
const HUNG_MS = 120_000;
/**
 * A gateway closes its door within milliseconds of the word. Who came in before it did is not cut.
 */
const DOOR_MS = 250;
const STOP_GRACE_MS = 10_000;
/** Of what is no start: those have a budget of their own. */
const PAUSES: Pauses = { passing: { baseMs: 500, capMs: 30_000 }, lastingMs: 30_000 };

/**
 * Keeps buildkitd running with the desired settings: starts it once the control plane has said what
 * it wants, restarts it with backoff and a budget, asks it to answer, and applies new settings when
 * the gateway says that no session is open. A daemon that runs already, from before a restart of
 * this process, is taken over as it is.
 */
export async function runBuildkit(
  ports: BuildkitPorts,
  cells: BuildkitCells,
  report: LoopReport,
  signal: AbortSignal,
): Promise<void> {
  const daemon = new Daemon(ports, cells);
  await firstOf(
    signal,
    (follow) => daemon.follow(follow),
    (keep) => daemon.keepRunning(report, keep),
  );
}

/** What is to be done with the daemon as it is. */
type Task =
  | { readonly is: "attend"; readonly running: UnitStatus }
  | { readonly is: "start"; readonly toml: string; readonly generation: string };

class Daemon {
  readonly #ports: BuildkitPorts;
  readonly #cells: BuildkitCells;
  readonly #status = new Cell<UnitStatus | undefined>(undefined);
  readonly #exitsMs: number[] = [];
  /** What it was started with; undefined while that is not known. */
  #configured: { readonly toml: string; readonly generation?: string } | undefined;
  /** It was started anew for the installed release: once, whatever came of it. */
  #isRenewed = false;

  constructor(ports: BuildkitPorts, cells: BuildkitCells) {
    this.#ports = ports;
    this.#cells = cells;
  }

  async follow(signal: AbortSignal): Promise<void> {
    for await (const status of this.#ports.unit.statuses(signal)) {
      const was = this.#status.get();
      if (status.at === "exited" && was !== undefined) this.#noteExit(status.exit);
      if (status.at !== "running" && this.#cells.buildkit.get().at === "unknown")
        this.#show("stopped", "Not started yet");
      this.#status.set(status);
    }
  }

  async keepRunning(report: LoopReport, signal: AbortSignal): Promise<void> {
    const { desired, resources, network, phase } = this.#cells;
    await reconcile<Task>(
      {
        clock: this.#ports.clock,
        report,
        watching: [this.#status, desired, resources, network, phase],
        wanted: () => this.#task(),
        same: sameTask,
        doing: (task) => task.is,
        pauses: PAUSES,
        // Before each start the budget of restarts decides how long to wait.
        pauseMs: (_failure, task) => (task.is === "start" ? 0 : undefined),
        act: (task, unchanged, whole, reached) =>
          task.is === "start" ? this.#start(whole) : this.#attend(task.running, unchanged, whole, reached),
        failed: (failure, task) => this.#noteFailure(failure, task),
      },
      signal,
    );
  }

  #task(): Task | undefined {
    const status = this.#status.get();
    if (status === undefined || this.#stopping()) return undefined;
    if (status.at === "running") return { is: "attend", running: status };
    const wanted = this.#wanted();
    return wanted && { is: "start", ...wanted };
  }

  /** The configuration and the network that it shall have; undefined until all is known. */
  #wanted(): { readonly toml: string; readonly generation: string } | undefined {
    const desired = this.#cells.desired.get();
    const disk = this.#cells.resources.get();
    const generation = networkGeneration(this.#cells.network.get());
    if (desired === undefined || disk === undefined || generation === undefined) return undefined;
    return { toml: this.#ports.configuration(desired.buildkit, disk.cacheSizeBytes), generation };
  }

  async #start(signal: AbortSignal): Promise<number> {
    const { unit, clock } = this.#ports;
    const verdict = afterExit(this.#exitsMs, clock.now().monoMs, BUILDKIT_RESTARTS);
    if (verdict.restart === "cooling-down") {
      const words = `Restarted ${BUILDKIT_RESTARTS.restarts} times within a minute: waiting before the next start`;
      this.#show("cooling-down", words);
    }
    await clock.sleep(verdict.delayMs, signal);
    const wanted = this.#wanted();
    if (wanted === undefined || signal.aborted || this.#stopping()) return 0;
    this.#show("starting", "Starting");
    await unit.configure(wanted.toml, signal);
    this.#configured = wanted;
    if (this.#stopping()) return 0;
    const before = this.#status.get();
    await unit.start(signal);
    await within(clock, STATUS_MS, signal, (limit) => this.#status.first((now) => now !== before, limit));
    return 0;
  }

  /**
   * Asks the running daemon again and again, until it is another one, is gone, or has to be
   * restarted. `reached` is called when it is ready. Resolves to how long its end may take to be
   * seen.
   */
  async #attend(
    running: UnitStatus,
    unchanged: AbortSignal,
    signal: AbortSignal,
    reached: () => void,
  ): Promise<number> {
    const { probe, clock, log, unit } = this.#ports;
    // One that runs from before: what it must not reach is not known before the network is.
    await this.#cells.network.first((view) => networkGeneration(view) !== undefined, unchanged);
    let lastAnswer = clock.now();
    let isProved = false;
    let isLate = false;
    const preparation = await this.#notePreparation();
    let mayBeHalf = preparation === undefined || preparation.lastEnd === "unclean";
    this.#noteRelease();
    while (!signal.aborted && this.#status.get() === running) {
      try {
        const { version } = await probe.listWorkers(signal);
        lastAnswer = clock.now();
        const wasLate = isLate;
        isLate = false;
        if (mayBeHalf) mayBeHalf = !(await forgetTransfers(this.#ports, isProved, signal));
        if (!isProved) await this.#prove(version, signal);
        isProved = true;
        if (wasLate || this.#cells.buildkit.get().at !== "ready") log.info({ version }, "buildkit.ready");
        this.#show("ready", "Answers ListWorkers", version);
        reached();
      } catch (err) {
        if (signal.aborted || this.#status.get() !== running) return 0;
        isLate = !(err instanceof Unguarded);
        const { at } = this.#cells.buildkit.get();
        const silentMs = clock.now().monoMs - lastAnswer.monoMs;
        if (at === "ready") log.warn({ err, silentMs }, "buildkit.not-answering");
        if (err instanceof Unguarded) this.#show("unguarded", inWords(err));
        else if (at !== "starting" && at !== "proving" && (at !== "ready" || silentMs > SILENT_MS))
          this.#show("not-answering", silence(inWords(err), lastAnswer));
      }
      const hung = clock.now().monoMs - lastAnswer.monoMs > HUNG_MS;
      const outdated = this.#cells.buildkit.get().isOutdated;
      if ((hung || outdated || this.#outgrown()) && (await this.#mayRestart(hung, outdated, signal))) {
        log.info({ hung, outdated }, "buildkit.restarting");
        await unit.stop(STOP_GRACE_MS, signal);
        this.#isRenewed ||= outdated;
        return STATUS_MS;
      }
      const { at } = this.#cells.buildkit.get();
      const isUp = at === "ready" || at === "unguarded";
      const now = clock.now();
      const usualMs = isLate ? askAgainMs(now.monoMs - lastAnswer.monoMs) : untilBeatMs(now, PROBE_EVERY_MS);
      const pauseMs = isUp ? usualMs : FIRST_PROBES_MS;
      await within(clock, pauseMs, signal, (pause) => this.#status.first((now) => now !== running, pause));
    }
    return 0;
  }

  /** A step is tried beside it: of that no build knows either. */
  async #prove(version: string, signal: AbortSignal): Promise<void> {
    if (this.#cells.buildkit.get().at !== "unguarded")
      this.#show("proving", "Its way past the guard is tried", version);
    await proveGuarded(this.#ports, this.#cells, signal);
  }

  /**
   * Closes the door first, by what the check of BuildKit says, and then looks once more: only a
   * gateway that says so is idle.
   */
  async #mayRestart(hung: boolean, outdated: boolean, signal: AbortSignal): Promise<boolean> {
    const { gateway, buildkit } = this.#cells;
    if (!isIdle(gateway.get()) || this.#stopping()) return false;
    const before = buildkit.get();
    const why = outdated ? "Another release is installed" : "New settings";
    this.#show("restarting", hung ? "It did not answer for 2 minutes" : why);
    await this.#ports.clock.sleep(DOOR_MS, signal);
    const mayRestart = isIdle(gateway.get()) && !signal.aborted && !this.#stopping();
    if (!mayRestart) this.#show(before.at, before.message);
    return mayRestart;
  }

  /** The ending stops the daemon: from then on nobody may start it again. */
  #stopping(): boolean {
    return this.#cells.phase.get().at === "stopping";
  }

  #outgrown(): boolean {
    const wanted = this.#wanted();
    if (this.#configured === undefined || wanted === undefined) return false;
    const { toml, generation = wanted.generation } = this.#configured;
    return wanted.toml !== toml || wanted.generation !== generation;
  }

  #noteFailure({ err, because }: Failure, { is }: Task): void {
    const { log, clock } = this.#ports;
    log.error({ err }, is === "start" ? "buildkit.not-started" : "buildkit.not-restarted");
    if (is !== "start") return;
    this.#noteEnd(clock.now().monoMs);
    this.#show("stopped", because);
  }

  #noteEnd(nowMs: number): void {
    this.#exitsMs.push(nowMs);
    if (this.#exitsMs.length > 100) this.#exitsMs.shift();
  }

  /** How its start was prepared; of a daemon that we took over, also what it was started with. */
  async #notePreparation(): Promise<Preparation | undefined> {
    const preparation = await this.#ports.preparation();
    const found = preparation?.quarantined;
    // Where an older release started it: the network that is in force now.
    const generation = preparation?.network ?? networkGeneration(this.#cells.network.get());
    if (preparation?.configuration !== undefined)
      this.#configured ??= { toml: preparation.configuration, ...(generation !== undefined && { generation }) };
    const what = found?.what === "cache" ? "the whole cache" : "databases";
    const quarantined = found === undefined ? "" : `${what}, because ${found.because} (${found.path})`;
    this.#cells.buildkit.update((view) => (view.quarantined === quarantined ? view : { ...view, quarantined }));
    return preparation;
  }

  /** Whether the release that started it is the one that is installed. */
  #noteRelease(): void {
    const { installed, log } = this.#ports;
    const isOutdated = !this.#isRenewed && installed.isOutdated("buildkit");
    const { buildkit } = this.#cells;
    if (isOutdated && !buildkit.get().isOutdated) log.info({}, "buildkit.outdated");
    buildkit.update((view) => (view.isOutdated === isOutdated ? view : { ...view, isOutdated }));
  }

  #noteExit(exit: UnitExit): void {
    const { meters, log, clock } = this.#ports;
    const { kind, text } = describeExit(exit);
    meters.buildkitExited(kind);
    meters.restarted("buildkitd");
    log.warn({ kind, exit: text, lastLines: exit.lastLines.map(spoken) }, "buildkit.exited");
    this.#noteEnd(clock.now().monoMs);
    this.#cells.buildkit.update((view) => ({
      ...view,
      at: "starting",
      message: `It ended: ${text}`,
      restarts: view.restarts + 1,
      lastExit: text,
    }));
  }

  #show(at: BuildkitView["at"], message: string, version?: string): void {
    this.#cells.buildkit.update((view) =>
      view.at === at && view.message === message ? view : { ...view, at, message, version: version ?? view.version },
    );
  }
}

/** The same words for as long as it lasts. */
function silence(because: string, { wallMs }: Instant): string {
  const since = `no answer since ${rfc3339(wallMs)}`;
  return `${because}; ${since}. Without a session it is started anew at ${rfc3339(wallMs + HUNG_MS)}`;
}

function sameTask(a: Task, b: Task): boolean {
  if (a.is === "attend") return b.is === "attend" && a.running === b.running;
  return b.is === "start" && a.toml === b.toml && a.generation === b.generation;
}
