import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import type { ListeningSocket } from "../net/listening-socket.ts";
import type { NetworkNamespace } from "../net/namespace.ts";
import { DRAIN_GRACE_MS } from "./agent-config.ts";
import { proveNoProcessLeft } from "./leftovers.ts";
import { inTree } from "./tree.ts";

export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * What the agent's own ending may take at most after its drain: the cut, BuildKit's stop, its last
 * words. Then it is killed.
 */
const AFTER_DRAIN_MS = 13_000;
/** Two signals that are sent at once may reach a process as one. */
const BETWEEN_SIGNALS_MS = 100;

export interface AgentEndingLimits {
  /** As it was configured: how long open builds may go on once it is told to stop. */
  readonly graceMs: number;
  /** Nobody waits for them any more. */
  readonly hurry?: AbortSignal | undefined;
}

/** A machine's own network, and the listening socket that it is given from outside. */
export interface Within {
  readonly namespace: NetworkNamespace;
  readonly socket: ListeningSocket;
}

/**
 * `builder-agent run`: gateway, control and buildkitd. It holds the other end of the agent's stdin,
 * so that the agent ends when this process is gone, however it went. A process group of its own
 * keeps the terminal's Ctrl-C from it: we tell it when to stop.
 */
export class AgentProcess implements AsyncDisposable {
  readonly ended: Promise<AgentExit>;
  readonly #child: ChildProcess;
  readonly #marks: readonly string[];
  readonly #ending: AgentEndingLimits;

  private constructor(child: ChildProcess, ending: AgentEndingLimits, marks: readonly string[]) {
    this.#child = child;
    this.#ending = ending;
    this.#marks = marks;
    this.ended = once(child, "close").then(() => ({ code: child.exitCode, signal: child.signalCode }));
  }

  /** @throws {Error} when it cannot even be started. */
  static async start(files: {
    readonly configFile: string;
    readonly logFile: string;
    readonly runtimeDir: string;
    /** Default: this machine's network, and a socket of its own. */
    readonly within?: Within;
    /** More options of its command line, and variables of its environment. */
    readonly args?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    /** Default: as `writeAgentConfig` configures it, where nothing else is asked for. */
    readonly ending?: AgentEndingLimits;
  }): Promise<AgentProcess> {
    await using log = await open(files.logFile, "a", 0o600);
    const { within } = files;
    const program = [inTree("dist/agent/cli/main.js"), "run", "--config", files.configFile, ...(files.args ?? [])];
    const { command, args } = within?.namespace.enter(process.execPath, program) ?? {
      command: process.execPath,
      args: program,
    };
    const child = spawn(command, args, {
      detached: true,
      stdio: ["pipe", log.fd, log.fd, ...(within === undefined ? [] : [within.socket.fd])],
      env: {
        ...withoutOurs(process.env),
        BUILDER_AGENT_PARENT: "stdin",
        ...files.environment,
        ...(within !== undefined && { LISTEN_FDS: "1" }),
      },
    });
    await once(child, "spawn");
    const { ending = { graceMs: DRAIN_GRACE_MS } } = files;
    return new AgentProcess(child, ending, [files.configFile, files.runtimeDir]);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Asks it to end, and waits; asks again at `hurry`; kills its whole group if it takes longer than
   * it may.
   * @throws {Error} if it left any process behind.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child;
    const { graceMs, hurry } = this.#ending;
    if (this.isRunning && pid !== undefined) {
      const kill = (): boolean => process.kill(-pid, "SIGKILL");
      let overdue = setTimeout(kill, graceMs + AFTER_DRAIN_MS);
      const again = (): void => {
        clearTimeout(overdue);
        overdue = setTimeout(kill, AFTER_DRAIN_MS);
        this.#child.kill("SIGTERM");
      };
      this.#child.kill("SIGTERM");
      // Patience may have ended before it was told anything: then it is told twice.
      const look = setTimeout(() => {
        if (hurry?.aborted === true) again();
        else hurry?.addEventListener("abort", again);
      }, BETWEEN_SIGNALS_MS);
      await this.ended;
      hurry?.removeEventListener("abort", again);
      clearTimeout(look);
      clearTimeout(overdue);
    }
    await proveNoProcessLeft(this.#marks);
  }
}

/** The sandbox's agent is configured by its file alone. */
function withoutOurs(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !name.startsWith("BUILDER_AGENT_") && !name.startsWith("LISTEN_") && name !== "CREDENTIALS_DIRECTORY",
  );
  return Object.fromEntries(kept);
}
