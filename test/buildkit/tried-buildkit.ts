import { GrpcBuildkitCache } from "../../agent/adapters/buildkit/grpc-cache.ts";
import { GrpcStepTrial } from "../../agent/adapters/buildkit/step-trial.ts";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import { newBoard } from "../../agent/control/board/board.ts";
import { runBuildkit } from "../../agent/control/buildkit/run-buildkit.ts";
import { examine } from "../../agent/control/examine.ts";
import { trySteps } from "../../agent/control/try-steps.ts";
import type { CheckResult } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import { NO_STEP } from "../../agent/core/step-trial.ts";
import { NO_BUILDKIT } from "../../agent/core/views.ts";
import { here, NO_METERS, NO_REPORT } from "../control/stand-ins.ts";
import { FIXED, WELL } from "../core/sample.ts";
import { eventually, type RealBuildkit } from "./real-buildkit.ts";

/** A real buildkitd, kept and tried as control does; of all else is well. */
export class TriedBuildkit implements AsyncDisposable {
  readonly board = newBoard();
  /** "ran", "failed", "silent": each try that was counted. */
  readonly tried: string[] = [];
  readonly #bench: RealBuildkit;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #aheadMs = 0;

  constructor(bench: RealBuildkit) {
    const { board } = this;
    const { signal } = this.#stop;
    this.#bench = bench;
    const clock = systemClock();
    const ports = { clock, log: bench.log, meters: NO_METERS };
    const later = () => ({ ...clock.now(), monoMs: clock.now().monoMs + this.#aheadMs });
    const meters = { stepTried: (outcome: string) => void this.tried.push(outcome) };
    const installed = { isOutdated: () => false };
    const unit = { ...ports, installed, unit: bench.unit, probe: { ...probeOf(bench), reaches: async () => [] } };
    const buildkitCache = bench.own(new GrpcBuildkitCache(bench.places.socketPath, bench.cacheDir));
    this.#allElseIsWell(clock.now().wallMs);
    this.#running = Promise.all([
      runBuildkit(
        { ...unit, buildkitCache, preparation: async () => undefined, configuration: () => bench.toml() },
        board,
        NO_REPORT,
        signal,
      ),
      trySteps(
        {
          trial: bench.own(new GrpcStepTrial(bench.places.socketPath)),
          meters,
          clock: { ...clock, now: later },
          log: bench.log,
        },
        board,
        NO_REPORT,
        signal,
      ),
      examine(ports, board, FIXED, signal),
    ]);
  }

  check(name = "buildkit-solve"): CheckResult {
    const found = this.board.checks.get().find((check) => check.name === name);
    if (found === undefined) throw new Error(`${name} was not looked at`);
    return found;
  }

  /** Why this machine is not ready: causes alone. */
  causes(): readonly string[] {
    return this.board.checks
      .get()
      .filter(({ state, causedBy }) => state !== "ok" && causedBy === undefined)
      .map(({ name, message }) => `${name}: ${message}`);
  }

  /** A session came and ended, half a minute after the last try. */
  session(): void {
    this.#aheadMs += 31_000;
    this.board.gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    setTimeout(() => this.board.gateway.update((view) => here(view, { open: new Map() })), 20);
  }

  async turnsTo(state: CheckResult["state"], limitMs: number, name = "buildkit-solve"): Promise<CheckResult> {
    await eventually(() => this.check(name).state === state, `${name} is ${state}`, limitMs).catch((cause: unknown) => {
      const logged = this.#bench.log.lines.slice(-8).map((line) => JSON.stringify(line));
      throw new Error([JSON.stringify(this.check(name)), ...this.causes(), ...logged].join("\n"), { cause });
    });
    return this.check(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #allElseIsWell(nowMs: number): void {
    const now = systemClock().now();
    const later = nowMs + 3_600_000;
    const known: Known = {
      ...WELL,
      buildkit: NO_BUILDKIT,
      step: NO_STEP,
      plane: { ...WELL.plane, confirmedAt: now, time: { planeMs: nowMs, at: now } },
      certificates: { ...WELL.certificates, machineNotAfterMs: later },
      gateway: here(WELL.gateway, { servingNotAfterMs: later }),
    };
    for (const [name, value] of Object.entries(known))
      (this.board[name as keyof Known].set as (value: unknown) => void)(value);
  }
}

function probeOf({ probe }: RealBuildkit) {
  return { listWorkers: (signal: AbortSignal) => probe.listWorkers(signal) };
}
