import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { askQemu } from "../../../tools/image/guest/qmp.mjs";
import { paced } from "./pace.ts";

const ORDER_DEADLINE_MS = paced(60_000);
const RETRY_MS = 50;

/** A running QEMU. It ends with this process, however that ends. */
export class QemuProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #qmpSocket: string;
  #said = "";

  private constructor(child: ChildProcess, qmpSocket: string) {
    this.#child = child;
    this.#qmpSocket = qmpSocket;
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (this.#said += chunk));
  }

  /** Resolves when it takes orders. @throws {Error} with what QEMU said, if it does not start. */
  static async start(command: readonly [string, ...string[]], qmpSocket: string): Promise<QemuProcess> {
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], { stdio: ["ignore", "ignore", "pipe"] });
    const qemu = new QemuProcess(child, qmpSocket);
    await once(child, "spawn");
    for (const deadline = AbortSignal.timeout(ORDER_DEADLINE_MS); ; await sleep(RETRY_MS)) {
      if (!qemu.isRunning) throw new Error(`QEMU did not start: ${qemu.#said.trim()}`);
      const status = await askQemu(qmpSocket, "query-status", { signal: deadline }).catch(() => undefined);
      if (status !== undefined) return qemu;
      if (deadline.aborted) {
        await qemu.cutPower();
        throw new Error(`QEMU takes no orders: ${qemu.#said.trim()}`);
      }
    }
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws {Error} if QEMU refuses, or is gone. */
  ask(order: string, orderArguments: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return askQemu(this.#qmpSocket, order, { orderArguments, signal: AbortSignal.timeout(ORDER_DEADLINE_MS) });
  }

  /** Resolves when it has ended by itself. @throws {Error} after `deadlineMs`. */
  async ended(deadlineMs: number): Promise<void> {
    if (!this.isRunning) return;
    await once(this.#child, "exit", { signal: AbortSignal.timeout(deadlineMs) }).catch((cause: unknown) => {
      throw new Error(`The guest has not ended within ${deadlineMs} ms`, { cause });
    });
  }

  /** What a machine gets when its plug is pulled: not one more byte is written. */
  async cutPower(): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cutPower();
  }
}
