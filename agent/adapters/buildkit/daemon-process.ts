import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import type { UnitExit } from "../../ports/buildkit.ts";
import type { Log } from "../../ports/log.ts";
import { daemonEnvironment } from "./environment.ts";
import { isolated, type Surroundings, unwrapped } from "./isolation.ts";
import { oomKills } from "./oom-kills.ts";
import { DaemonOutput } from "./output.ts";

const SPAWN_DEADLINE_MS = 5_000;

/**
 * One run of buildkitd, isolated, in a session and process group of its own: a terminal's Ctrl-C
 * does not reach it.
 */
export class DaemonProcess {
  /** buildkitd's own, as seen from here. */
  readonly pid: number;
  /** Resolves when it and all that it started are gone. Never rejects. */
  readonly exited: Promise<UnitExit>;
  #isGone = false;

  private constructor(pid: number, exited: Promise<UnitExit>) {
    this.pid = pid;
    this.exited = exited;
    void exited.then(() => (this.#isGone = true));
  }

  /**
   * @throws {AgentError} "buildkit.cannot-start", with the last lines, if there is no such program
   * or it ends at once.
   */
  static async start(
    binary: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    log: Log,
    network?: Surroundings,
  ): Promise<DaemonProcess> {
    const killsBefore = await oomKills();
    const { command, args: wrapped } = isolated(binary, args, network);
    const child = spawn(command, wrapped, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: daemonEnvironment(process.env, environment),
    });
    const output = new DaemonOutput(log);
    output.follow(child.stdout);
    output.follow(child.stderr);
    const exited = exitOf(child, output, killsBefore);
    const pid = await Promise.race([innerPid(child), exited.then(() => undefined)]);
    if (pid !== undefined) return new DaemonProcess(pid, exited);
    child.kill("SIGKILL");
    const { lastLines } = await exited;
    throw new AgentError("buildkit.cannot-start", `${binary} did not start: ${lastLines.at(-1) ?? "no word from it"}`, {
      retryable: true,
    });
  }

  /**
   * Asks it to stop; after `graceMs`, or when `signal` is aborted, it is killed. Resolves when it
   * is gone.
   */
  stop(graceMs: number, signal: AbortSignal): Promise<UnitExit> {
    this.#send("SIGTERM");
    return this.endsWithin(graceMs, signal);
  }

  /**
   * Waits for its end; after `ms`, or when `signal` is aborted, it is killed. Resolves when it is
   * gone.
   */
  async endsWithin(ms: number, signal: AbortSignal): Promise<UnitExit> {
    const patience = new AbortController();
    const hurry = (): void => patience.abort();
    if (signal.aborted) hurry();
    signal.addEventListener("abort", hurry);
    const tooLong = sleep(ms, false, { signal: patience.signal }).catch(() => false);
    if (!(await Promise.race([this.exited.then(() => true), tooLong]))) this.#send("SIGKILL");
    const exit = await this.exited;
    signal.removeEventListener("abort", hurry);
    hurry();
    return exit;
  }

  /**
   * To buildkitd itself: the wrapper then waits until the kernel has cleared the whole namespace.
   */
  #send(name: NodeJS.Signals): void {
    if (this.#isGone) return;
    try {
      process.kill(this.pid, name);
    } catch {
      // It is gone already: `exited` tells.
    }
  }
}

async function exitOf(child: ChildProcess, output: DaemonOutput, killsBefore: number | undefined): Promise<UnitExit> {
  const ending = await new Promise<Pick<UnitExit, "code" | "signal">>((resolve) => {
    child.once("error", () => resolve({}));
    // "close", not "exit": only then have its last lines been read.
    child.once("close", (code, signal) =>
      resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) }),
    );
  });
  const killsAfter = await oomKills();
  const known = killsBefore !== undefined && killsAfter !== undefined;
  return unwrapped({ ...ending, lastLines: output.lastLines, ...(known && { oomKills: killsAfter - killsBefore }) });
}

/**
 * The wrapper's only child. It is there some milliseconds after the wrapper; undefined if it does
 * not come.
 */
async function innerPid(wrapper: ChildProcess): Promise<number | undefined> {
  const { pid } = wrapper;
  if (pid === undefined) return undefined;
  for (const until = Date.now() + SPAWN_DEADLINE_MS; Date.now() < until; await sleep(2)) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => undefined);
    if (children === undefined) return undefined;
    const inner = Number.parseInt(children, 10);
    if (inner > 0) return inner;
  }
  return undefined;
}
