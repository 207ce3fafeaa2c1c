import type { BuildkitSettings, DesiredState } from "../core/desired-state.ts";
import type { Resources } from "../core/machine.ts";
import type { Phase } from "../core/phase.ts";
import { afterExit, BUILDKIT_RESTARTS } from "../core/restart-budget.ts";
import { describeExit } from "../core/unit-exit.ts";
import { type BuildkitView, type GatewayView, type NetworkView, networkGeneration } from "../core/views.ts";
import { firstOf, within } from "../lifecycle/branch.ts";
import { Cell } from "../lifecycle/cell.ts";
import type { BuildkitProbe, BuildkitUnit, Preparation, UnitExit, UnitStatus } from "../ports/buildkit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Meters } from "../ports/meters.ts";

const PROBE_EVERY_MS = 5_000;
/** While it starts it is asked often: the first answer opens the door. */
const FIRST_PROBES_MS = 50;
/** A unit that was started says so within this; if not, it is asked to start again. */
const STATUS_MS = 10_000;
/** Among builds that take all there is BuildKit answers late: one late answer turns no build away. */
const SILENT_MS = 15_000;
/** A daemon that has been silent for so long, and has no session to lose, is stopped so that it can start anew. */
const HUNG_MS = 120_000;

export interface BuildkitPorts {
  readonly unit: BuildkitUnit;
  readonly probe: BuildkitProbe;
  /** How the last start was prepared; undefined if that is not known. */
  readonly preparation: () => Promise<Preparation | undefined>;
  /** Settings and the real size of the cache's disk → the daemon's configuration. */
  readonly configuration: (settings: BuildkitSettings, diskBytes: number) => string;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly log: Log;
}

export interface BuildkitCells {
  readonly desired: Cell<DesiredState | undefined>;
  readonly resources: Cell<Resources | undefined>;
  readonly gateway: Cell<GatewayView>;
  readonly phase: Cell<Phase>;
  readonly network: Cell<NetworkView>;
  readonly buildkit: Cell<BuildkitView>;
}

/**
 * Keeps buildkitd running with the desired settings: starts it once the control plane has said what it wants, restarts it with backoff and a
 * budget, asks it to answer, and applies new settings when no session is open. A daemon that runs already, from before a restart of this
 * process, is taken over as it is.
 */
export async function runBuildkit(ports: BuildkitPorts, cells: BuildkitCells, signal: AbortSignal): Promise<void> {
  const daemon = new Daemon(ports, cells);
  await firstOf(
    signal,
    (follow) => daemon.follow(follow),
    (keep) => daemon.keepRunning(keep),
  );
}

class Daemon {
  readonly #ports: BuildkitPorts;
  readonly #cells: BuildkitCells;
  readonly #status = new Cell<UnitStatus | undefined>(undefined);
  readonly #exitsMs: number[] = [];
  /** What we gave it; undefined for one that we took over. */
  #configured: { readonly toml: string; readonly generation: string } | undefined;

  constructor(ports: BuildkitPorts, cells: BuildkitCells) {
    this.#ports = ports;
    this.#cells = cells;
  }

  async follow(signal: AbortSignal): Promise<void> {
    for await (const status of this.#ports.unit.statuses(signal)) {
      const was = this.#status.get();
      if (status.at === "exited" && was !== undefined) this.#noteExit(status.exit);
      this.#status.set(status);
    }
  }

  async keepRunning(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const status = await this.#status.first((now) => now !== undefined, signal);
      if (status === undefined || this.#stopping()) return;
      if (status.at === "running") await this.#attend(status, signal);
      else await this.#start(signal);
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { unit, clock, log } = this.#ports;
    const verdict = afterExit(this.#exitsMs, clock.now().monoMs, BUILDKIT_RESTARTS);
    if (verdict.restart === "cooling-down") {
      this.#show(
        "cooling-down",
        `Restarted ${BUILDKIT_RESTARTS.restarts} times within a minute: waiting before the next start`,
      );
    }
    await clock.sleep(verdict.delayMs, signal);
    const settings = await this.#cells.desired.first((state) => state !== undefined, signal);
    const disk = await this.#cells.resources.first((resources) => resources !== undefined, signal);
    const network = await this.#cells.network.first((view) => networkGeneration(view) !== undefined, signal);
    const generation = network && networkGeneration(network);
    if (settings === undefined || disk === undefined || generation === undefined) return;
    if (signal.aborted || this.#stopping()) return;
    const toml = this.#ports.configuration(settings.buildkit, disk.cacheSizeBytes);
    this.#show("starting", "Starting");
    try {
      await unit.configure(toml, signal);
      this.#configured = { toml, generation };
      if (this.#stopping()) return;
      const before = this.#status.get();
      await unit.start(signal);
      await within(clock, STATUS_MS, signal, (limit) => this.#status.first((now) => now !== before, limit));
    } catch (err) {
      if (signal.aborted) return;
      log.error({ err }, "buildkit.not-started");
      this.#exitsMs.push(clock.now().monoMs);
      this.#show("stopped", err instanceof Error ? err.message : String(err));
    }
  }

  /** Asks the running daemon again and again, until it is another one, is gone, or has to be restarted. */
  async #attend(running: UnitStatus, signal: AbortSignal): Promise<void> {
    const { probe, clock, log, unit } = this.#ports;
    let lastAnswerMs = clock.now().monoMs;
    await this.#noteQuarantine();
    while (!signal.aborted && this.#status.get() === running) {
      try {
        const { version } = await probe.listWorkers(signal);
        lastAnswerMs = clock.now().monoMs;
        if (this.#cells.buildkit.get().at !== "ready") log.info({ version }, "buildkit.ready");
        this.#show("ready", "Answers ListWorkers", version);
      } catch (err) {
        if (signal.aborted || this.#status.get() !== running) return;
        const { at } = this.#cells.buildkit.get();
        const silentMs = clock.now().monoMs - lastAnswerMs;
        if (at === "ready") log.warn({ err, silentMs }, "buildkit.not-answering");
        if (at !== "starting" && (at !== "ready" || silentMs > SILENT_MS))
          this.#show("not-answering", err instanceof Error ? err.message : String(err));
      }
      const hung = clock.now().monoMs - lastAnswerMs > HUNG_MS && this.#idle();
      if (hung || (this.#outdated() && this.#idle())) {
        log.info({ hung }, "buildkit.restarting");
        this.#show("restarting", hung ? "It did not answer for 2 minutes" : "New settings");
        await unit.stop(10_000, signal);
        return;
      }
      const pauseMs = this.#cells.buildkit.get().at === "ready" ? PROBE_EVERY_MS : FIRST_PROBES_MS;
      await within(clock, pauseMs, signal, (pause) => this.#status.first((now) => now !== running, pause));
    }
  }

  /** The ending stops the daemon: from then on nobody may start it again. */
  #stopping(): boolean {
    return this.#cells.phase.get().at === "stopping";
  }

  #outdated(): boolean {
    const desired = this.#cells.desired.get();
    const disk = this.#cells.resources.get();
    if (this.#configured === undefined || desired === undefined || disk === undefined) return false;
    const { toml, generation } = this.#configured;
    const network = networkGeneration(this.#cells.network.get());
    return (
      this.#ports.configuration(desired.buildkit, disk.cacheSizeBytes) !== toml ||
      (network !== undefined && network !== generation)
    );
  }

  #idle(): boolean {
    return this.#cells.gateway.get().open.size === 0;
  }

  async #noteQuarantine(): Promise<void> {
    const found = (await this.#ports.preparation())?.quarantined;
    const what = found?.what === "cache" ? "the whole cache" : "databases";
    const quarantined = found === undefined ? "" : `${what}, because ${found.because} (${found.path})`;
    this.#cells.buildkit.update((view) => (view.quarantined === quarantined ? view : { ...view, quarantined }));
  }

  #noteExit(exit: UnitExit): void {
    const { meters, log, clock } = this.#ports;
    const { kind, text } = describeExit(exit);
    meters.buildkitExited(kind);
    log.warn({ kind, exit: text, lastLines: exit.lastLines }, "buildkit.exited");
    this.#exitsMs.push(clock.now().monoMs);
    if (this.#exitsMs.length > 100) this.#exitsMs.shift();
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
