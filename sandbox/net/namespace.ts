import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { type RunOptions, run } from "./command.ts";
import { networkOf, proveEmpty } from "./inhabitants.ts";
import type { EnteredCommand, NetworkPlace } from "./place.ts";

export interface NamespaceOptions {
  /** For a person; default "namespace". */
  readonly name?: string;
  /**
   * Absolute path of a file that processes in here see as /etc/resolv.conf; whoever made it may
   * rewrite it in place. They then have a mount namespace of their own as well, which starts as a
   * private copy of this machine's, and in which they start at "/".
   */
  readonly resolvConfFile?: string;
}

const START_DEADLINE_MS = 10_000;

/**
 * $1: the namespace's name, which nothing needs but a person who looks at processes; $2: its
 * resolv.conf, or nothing.
 */
const HOLD = `ip link set lo up; test -z "$2" || mount --bind "$2" /etc/resolv.conf; echo ready; exec cat`;

/**
 * A network namespace without a name: nothing of it appears in this machine's links, routes, rules,
 * or under /run/netns. A child of ours holds it, which ends with its disposal, and also when this
 * process or its end of the child's stdin is gone.
 */
export class NetworkNamespace implements NetworkPlace, AsyncDisposable {
  readonly name: string;
  /** Its holder's: good for `netns PID` of ip(8). */
  readonly pid: number;
  readonly #holder: ChildProcess;
  readonly #network: string;
  readonly #hasMounts: boolean;

  private constructor(holder: ChildProcess, pid: number, network: string, options: NamespaceOptions) {
    this.name = options.name ?? "namespace";
    this.pid = pid;
    this.#holder = holder;
    this.#network = network;
    this.#hasMounts = options.resolvConfFile !== undefined;
  }

  /**
   * Needs root. Its loopback is up; there is nothing else in it. @throws {Error} with what the
   * system said.
   */
  static async make(options: NamespaceOptions = {}): Promise<NetworkNamespace> {
    const { name = "namespace", resolvConfFile } = options;
    const unshared = ["unshare", "--net", ...(resolvConfFile === undefined ? [] : ["--mount"]), "--"];
    const script = ["sh", "-euc", HOLD, "sh", name, resolvConfFile ?? ""];
    const holder = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...unshared, ...script], {
      stdio: "pipe",
      // A terminal's Ctrl-C is for us alone: what is in here ends before its network does.
      detached: true,
    });
    const complaint = text(holder.stderr).catch(() => "");
    try {
      const signal = AbortSignal.timeout(START_DEADLINE_MS);
      const began = await Promise.race([
        once(holder.stdout, "data", { signal }).then(() => true),
        once(holder, "close", { signal }).then(() => false),
      ]);
      const network = holder.pid === undefined ? undefined : await networkOf(holder.pid);
      if (!began || holder.pid === undefined || network === undefined) throw new Error((await complaint).trim());
      return new NetworkNamespace(holder, holder.pid, network, options);
    } catch (cause) {
      holder.kill("SIGKILL");
      throw new Error(`The network namespace "${name}" cannot be made. Does this run as root?`, { cause });
    }
  }

  /** For setns(2), as long as it exists. */
  get path(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /**
   * How a program is started in here. It is the started process itself, no child of it; descriptors
   * and environment pass through.
   */
  enter(command: string, args: readonly string[] = []): EnteredCommand {
    const mounts = this.#hasMounts ? [`--mount=/proc/${this.pid}/ns/mnt`] : [];
    return { command: "nsenter", args: [`--net=${this.path}`, ...mounts, "--", command, ...args] };
  }

  run(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
    const entered = this.enter(command, args);
    return run(entered.command, entered.args, options);
  }

  /**
   * Whatever was started in here must have ended before.
   * @throws {Error} naming the processes that had not, which were killed.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) {
      const closed = once(this.#holder, "close");
      this.#holder.kill("SIGKILL");
      await closed;
    }
    await proveEmpty(this.#network, this.name);
  }
}
