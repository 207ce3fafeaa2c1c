import { z } from "zod";
import type { OpenedBuild } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { Machine } from "../../../test/nspawn/stage/machine.ts";
import { BenchFailed } from "../../failure.ts";
import { clientProgram } from "../../load/client-program.ts";
import { Child } from "../../process/child.ts";

const News = z.object({
  id: z.string(),
  is: z.enum(["open", "refused", "closed"]),
  ms: z.number().default(0),
  failure: z.string().default(""),
});

interface Session {
  readonly opened: (ms: number) => void;
  readonly failed: (failure: BenchFailed) => void;
  readonly closed: () => void;
}

export interface HeldSession {
  /** From the first packet to BuildKit's first frame. */
  readonly dialledMs: number;
  /** When the machine has ended it, `performance.now()`. */
  readonly closedAtMs: Promise<number>;
}

/** Builds' clients, in a process of its own in the machine's network. Keys go by its stdin. */
export class SessionClients implements AsyncDisposable {
  readonly #child: Child;
  readonly #sessions = new Map<string, Session>();

  private constructor(child: Child, signal: AbortSignal) {
    this.#child = child;
    child.onLine((line) => this.#hear(line));
    child.result(signal).then(
      () => this.#fail(new BenchFailed("The builds' clients have ended.")),
      (cause: unknown) => this.#fail(new BenchFailed("The builds' clients have ended.", { cause })),
    );
  }

  static async start(machine: Machine, signal: AbortSignal): Promise<SessionClients> {
    const program = await clientProgram(signal);
    return new SessionClients(
      await Child.start(machine.network.enter(program, ["opens", "--address", "127.0.0.1:8443"])),
      signal,
    );
  }

  /** Dials at once. @throws {BenchFailed} when the session is refused. */
  async session({ buildId, certPem, keyPem, caPem, serverName }: OpenedBuild): Promise<HeldSession> {
    let close: (atMs: number) => void = () => undefined;
    const closedAtMs = new Promise<number>((resolve) => (close = resolve));
    const dialledMs = await new Promise<number>((opened, failed) => {
      this.#sessions.set(buildId, { opened, failed, closed: () => close(performance.now()) });
      this.#child.write(`${JSON.stringify({ id: buildId, ca: caPem, cert: certPem, key: keyPem, serverName })}\n`);
    });
    return { dialledMs, closedAtMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  #hear(line: string): void {
    const { id, is, ms, failure } = News.parse(JSON.parse(line));
    const session = this.#sessions.get(id);
    if (is === "open") session?.opened(ms);
    else this.#sessions.delete(id);
    if (is === "refused") session?.failed(new BenchFailed(`Build ${id} has no session: ${failure}`));
    if (is === "closed") session?.closed();
  }

  #fail(failure: BenchFailed): void {
    for (const session of this.#sessions.values()) session.failed(failure);
  }
}
