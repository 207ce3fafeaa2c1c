import { rm } from "node:fs/promises";
import { AgentError } from "../../../core/errors.ts";
import { within } from "../../../lifecycle/branch.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { ServiceUnitState, UnitControl } from "../../../ports/service-units.ts";
import { LocalApi } from "../local-api.ts";
import { cleanUp } from "./clean-up.ts";
import { confined, daemonEnvironment } from "./confined.ts";
import { DaemonRun } from "./daemon-run.ts";
import { statePlace } from "./state-place.ts";

/** It answers within a tenth of a second; on a machine that is busy it may take its time. */
const START_MS = 20_000;
const ASK_AGAIN_MS = 20;
/** It closes its connections and takes its routes back. */
const STOP_MS = 10_000;

export interface TailscaledOptions {
  /** Path, or a name on PATH. */
  readonly binary: string;
  readonly socketPath: string;
  /** Ours alone. */
  readonly stateDir: string;
  /** "userspace-networking": without a network device. */
  readonly tun: string;
  /** UDP; 0: any free one. */
  readonly port: number;
  /** Called after each end, asked for or not, before anybody hears of it: the guard closes. */
  readonly onEnd: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * tailscaled as a child, for a machine without a service manager: as `tailscaled.service` would be.
 * It dies with this process, however that ends. Its state stays where it was not stopped, and the
 * next start goes on as the same node.
 */
export class Tailscaled implements UnitControl, AsyncDisposable {
  readonly #options: TailscaledOptions;
  #run: DaemonRun | undefined;
  #result = "";
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TailscaledOptions) {
    this.#options = options;
  }

  /** @throws {AgentError} "service.failed" (retryable), with its last words. */
  start(signal: AbortSignal): Promise<void> {
    return this.#next(async () => {
      signal.throwIfAborted();
      if (this.#run !== undefined) return;
      const { socketPath, stateDir, tun, port, binary, log } = this.#options;
      await rm(socketPath, { force: true });
      const args = [
        ...(await statePlace(stateDir, log)),
        `--socket=${socketPath}`,
        `--tun=${tun}`,
        `--port=${port}`,
        // In memory, of a machine that ends soon: neither needs a TPM.
        "--encrypt-state=false",
        "--hardware-attestation=false",
      ];
      const { command, args: wrapped } = confined(binary, args, { userspace: this.#isUserspace });
      const run = DaemonRun.start(command, wrapped, daemonEnvironment(process.env), log);
      this.#run = run;
      void run.ended.then(() => this.#next(() => this.#settle(run)));
      if (!(await this.#answers(run, signal))) {
        await run.stop(0);
        signal.throwIfAborted();
        const words = run.lastLines.slice(-3).join(" / ") || "no word from it";
        throw new AgentError("service.failed", `${binary} did not start: ${words}`, { retryable: true });
      }
      log.info({ tailscaledPid: run.pid, tun }, "tailscaled.started");
    });
  }

  stop(_signal: AbortSignal): Promise<void> {
    return this.#next(async () => {
      const run = this.#run;
      if (run !== undefined) {
        await run.stop(STOP_MS);
        await this.#settle(run);
        this.#result = "success";
      }
      await rm(this.#options.stateDir, { recursive: true, force: true });
    });
  }

  show(_signal: AbortSignal): Promise<ServiceUnitState> {
    return this.#next(async () => {
      if (this.#run !== undefined) return { at: "active", result: "" };
      const wasFine = this.#result === "" || this.#result === "success";
      return { at: wasFine ? "inactive" : "failed", result: this.#result };
    });
  }

  /** As if it were killed: the state stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next(async () => {
      const run = this.#run;
      if (run === undefined) return;
      await run.stop(0);
      await this.#settle(run);
    });
  }

  get #isUserspace(): boolean {
    return this.#options.tun === "userspace-networking";
  }

  /** Whether its API answers before it ends, or `signal` or the deadline are there. */
  async #answers(run: DaemonRun, signal: AbortSignal): Promise<boolean> {
    const { clock, socketPath } = this.#options;
    const api = new LocalApi(socketPath, clock);
    return within(clock, START_MS, signal, async (limit) => {
      while (!limit.aborted && !run.isOver) {
        const status = await api.status(limit).catch(() => undefined);
        if (status !== undefined) return true;
        await clock.sleep(ASK_AGAIN_MS, limit);
      }
      return false;
    });
  }

  /** Once for each run, however it ended. */
  async #settle(run: DaemonRun): Promise<void> {
    if (this.#run !== run) return;
    this.#run = undefined;
    const { code, signal } = await run.ended;
    this.#result = code === 0 ? "success" : signal === undefined ? "exit-code" : "signal";
    const { binary, tun, socketPath, onEnd, log } = this.#options;
    log.info({ code, signal }, "tailscaled.ended");
    await onEnd().catch((err: unknown) => log.error({ err }, "tailscaled.guard-not-closed"));
    await rm(socketPath, { force: true });
    if (!this.#isUserspace) await cleanUp(binary, tun, log);
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
