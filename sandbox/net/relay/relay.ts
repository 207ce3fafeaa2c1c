import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { inTree } from "../../stack/tree.ts";
import type { NetworkNamespace } from "../namespace.ts";
import { type Endpoint, Forward } from "./forward.ts";

export interface RelayOptions {
  readonly namespace: NetworkNamespace;
  /** Short; for sockets of ours. */
  readonly dir: string;
  /**
   * TCP ports of this machine's loopback, which are then there under the same number on the
   * namespace's.
   */
  readonly offered: readonly number[];
  /**
   * How many ports of the namespace's loopback are reached under the same, free number on this
   * machine's.
   */
  readonly reached: number;
}

const LOOPBACK = "127.0.0.1";
const START_DEADLINE_MS = 10_000;

/**
 * Leads from the loopback of a network namespace to that of this machine, and back: unix sockets
 * know no network. The loopbacks need not be joined by any link for that, and nothing else comes
 * through.
 */
export class Relay implements AsyncDisposable {
  /** The ports to be listened on in the namespace. */
  readonly reached: readonly number[];
  readonly #inside: ChildProcess;
  readonly #forwards: readonly Forward[];

  private constructor(inside: ChildProcess, forwards: readonly Forward[], reached: readonly number[]) {
    this.#inside = inside;
    this.#forwards = forwards;
    this.reached = reached;
  }

  /** @throws {Error} when it cannot listen. */
  static async start({ namespace, dir, offered, reached }: RelayOptions): Promise<Relay> {
    const socket = (name: string): Endpoint => ({ path: join(dir, `relay-${name}.sock`) });
    const forwards: Forward[] = [];
    const passages: { readonly from: Endpoint; readonly to: Endpoint }[] = [];
    try {
      for (const port of offered) {
        const [loopback, through] = [{ host: LOOPBACK, port }, socket(`${port}`)];
        forwards.push(await Forward.listen(through, loopback));
        passages.push({ from: loopback, to: through });
      }
      const ports: number[] = [];
      for (let index = 0; index < reached; index += 1) {
        const through = socket(`to-${index}`);
        const forward = await Forward.listen({ host: LOOPBACK, port: 0 }, through);
        forwards.push(forward);
        ports.push(forward.port);
        passages.push({ from: through, to: { host: LOOPBACK, port: forward.port } });
      }
      return new Relay(await startInside(namespace, passages), forwards, ports);
    } catch (failure) {
      await Promise.all(forwards.map((forward) => forward[Symbol.asyncDispose]()));
      throw failure;
    }
  }

  /** Connections on this machine's side, both legs. */
  get connections(): number {
    return this.#forwards.reduce((sum, { connections }) => sum + connections, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#forwards.map((forward) => forward[Symbol.asyncDispose]()));
    if (this.#inside.exitCode !== null || this.#inside.signalCode !== null) return;
    const closed = once(this.#inside, "close");
    this.#inside.kill("SIGKILL");
    await closed;
  }
}

async function startInside(namespace: NetworkNamespace, passages: readonly unknown[]): Promise<ChildProcess> {
  const program = inTree("dist/sandbox/net/relay/program.js");
  const { command, args } = namespace.enter(process.execPath, [program]);
  const env = { ...process.env, PASSAGES: JSON.stringify(passages) };
  const inside = spawn(command, args, { stdio: "pipe", detached: true, env });
  const complaint = text(inside.stderr).catch(() => "");
  const signal = AbortSignal.timeout(START_DEADLINE_MS);
  const began = await Promise.race([
    once(inside.stdout, "data", { signal }).then(() => true),
    once(inside, "close", { signal }).then(() => false),
  ]).catch(() => false);
  if (began) return inside;
  inside.kill("SIGKILL");
  throw new Error(`The relay into the network ${namespace.name} did not start: ${(await complaint).trim()}`);
}
