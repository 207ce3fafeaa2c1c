import { type ChildProcess, spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../core/errors.ts";
import { LineCutter } from "../../core/line-cutter.ts";
import { ACCEPT_DAD } from "../../core/network/buildkit-network.ts";
import type { Heard } from "../../core/network/probe-target.ts";
import { ENVIRONMENT } from "./command.ts";
import { type Done, type ProbePlan, planLine } from "./protocol.ts";
import { readWord } from "./read-word.ts";

/** `builder-agent network probe`, as it is started here. */
export interface ProbeProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** Until a process has left our network namespace: unshare(1) does nothing else first. */
const UNSHARED_DEADLINE_MS = 30_000;
/** What is left of its life once its input has ended. */
const END_DEADLINE_MS = 2_000;
const WORD_MAX_CHARS = 1_048_576;
const COMPLAINT_MAX_CHARS = 2_000;

/**
 * Of no capability, not even where root has one by being root; nothing that it executes can have
 * more.
 */
const POWERLESS = ["--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs"];

/** As BuildKit's steps: the plugin that makes the cable waits for no proof of its address. */
const AT_ONCE = ["sh", "-c", `{ echo 0 >/proc/${ACCEPT_DAD}; } 2>/dev/null; exec "$@"`, "sh"];

/**
 * A probe in a network namespace of its own, which nobody else can name: it exists as long as this
 * process and we hold it. When we end, however that comes about, the kernel ends the probe, and
 * with it the namespace and its end of every cable.
 */
export class ProbeProcess implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #cutter = new LineCutter(WORD_MAX_CHARS);
  #namespace: FileHandle | undefined;
  #complaint = "";
  #done: (done: Done) => void = () => undefined;
  #fail: (failure: unknown) => void = () => undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = new Promise((resolve) => {
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    });
    child.stdin?.on("error", () => undefined);
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => this.#hear(piece));
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      this.#complaint = (this.#complaint + piece).slice(-COMPLAINT_MAX_CHARS);
    });
    void this.#closed.then(() => this.#fail(this.#gone()));
  }

  /**
   * Resolves once it is in its own network; it loads meanwhile. @throws {AgentError}
   * "isolation.not-verified"
   */
  static async start({ command, args }: ProbeProgram, signal: AbortSignal): Promise<ProbeProcess> {
    signal.throwIfAborted();
    const words = ["--net", "--", ...AT_ONCE, "setpriv", ...POWERLESS, "--pdeathsig", "KILL", "--", command, ...args];
    const child = spawn("unshare", words, { env: ENVIRONMENT, stdio: "pipe", detached: true });
    const probe = new ProbeProcess(child);
    try {
      await probe.#holdNamespace(signal);
      return probe;
    } catch (failure) {
      await probe[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /**
   * For setns(2), by whatever process: it stays the same namespace, whoever has the process's
   * number by then.
   */
  get netnsPath(): string {
    if (this.#namespace === undefined) throw new TypeError("The probe has no network yet");
    return `/proc/${process.pid}/fd/${this.#namespace.fd}`;
  }

  /** Lets it carry out a plan; one at a time. @throws {AgentError} "isolation.not-verified" */
  async carryOut(plan: ProbePlan, signal: AbortSignal): Promise<Done> {
    signal.throwIfAborted();
    let stop = (): void => undefined;
    const done = await new Promise<Done | undefined>((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
      stop = () => resolve(undefined);
      signal.addEventListener("abort", stop, { once: true });
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) reject(this.#gone());
      this.#child.stdin?.write(planLine(plan));
    }).finally(() => signal.removeEventListener("abort", stop));
    if (done !== undefined) return done;
    signal.throwIfAborted();
    throw this.#gone();
  }

  /** Ends it, and waits until it has told all that it heard. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    const patience = new AbortController();
    const overdue = sleep(END_DEADLINE_MS, true, { signal: patience.signal }).catch(() => false);
    if (await Promise.race([this.#closed.then(() => false), overdue])) this.#child.kill("SIGKILL");
    await this.#closed;
    patience.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid !== undefined) this.#child.kill("SIGKILL");
    await this.#closed;
    await this.#namespace?.close();
    this.#namespace = undefined;
  }

  /**
   * Never gives away our own network: a plugin that was led there would change this machine's
   * routes.
   */
  async #holdNamespace(signal: AbortSignal): Promise<void> {
    const ours = await inode("/proc/self/ns/net");
    for (const until = Date.now() + UNSHARED_DEADLINE_MS; Date.now() < until; await sleep(1)) {
      signal.throwIfAborted();
      if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) break;
      const handle = await open(`/proc/${this.#child.pid}/ns/net`, "r").catch(() => undefined);
      if (handle !== undefined && (await handle.stat({ bigint: true })).ino !== ours) {
        this.#namespace = handle;
        return;
      }
      await handle?.close();
    }
    throw this.#gone();
  }

  #hear(piece: string): void {
    try {
      for (const word of this.#cutter.push(piece).map(readWord)) {
        if (word.is === "heard") this.heard.push(word.heard);
        else this.#done(word);
      }
    } catch (failure) {
      this.#fail(failure);
    }
  }

  #gone(): AgentError {
    const { exitCode, signalCode } = this.#child;
    const how = signalCode ?? (exitCode === null ? "it cannot be started" : `exit code ${exitCode}`);
    return new AgentError(
      "isolation.not-verified",
      `The probe for a build's network ended before it was asked (${how}): ${this.#complaint.trim() || "it said nothing"}`,
      { retryable: true },
    );
  }
}

async function inode(path: string): Promise<bigint> {
  const handle = await open(path, "r");
  try {
    return (await handle.stat({ bigint: true })).ino;
  } finally {
    await handle.close();
  }
}
