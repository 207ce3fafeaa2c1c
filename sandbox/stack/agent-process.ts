import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import type { ListeningSocket } from "../net/listening-socket.ts";
import type { NetworkNamespace } from "../net/namespace.ts";
import { DRAIN_GRACE_MS } from "./agent-config.ts";
import { type AgentEndingLimits, endGroup } from "./end-group.ts";
import { proveNoProcessLeft } from "./leftovers.ts";
import { inTree } from "./tree.ts";

export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
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
    if (this.isRunning) await endGroup(this.#child, this.ended, this.#ending);
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
