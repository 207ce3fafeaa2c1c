import { mkdir, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { LINK } from "../../../../agent/adapters/link/values.ts";
import type { Stage } from "../../stage/stage.ts";
import { agentRuntimeIn } from "../../stage/stage-config.ts";

/** What a process of the gateway's user says to control without end. */
export interface Claim {
  readonly what: string;
  /** Once to each connection; absent: a hello as it should be. */
  readonly first?: (at: number) => string | Buffer;
  /** As fast as it is taken; undefined: nothing more on this connection. */
  readonly again: (at: number) => string | Buffer | undefined;
  /** So many, and it is another connection's turn. */
  readonly aConnection?: number;
}

/** The test has other things to do, too. */
const BEFORE_A_PAUSE = 100;

/**
 * Sits at one of the sockets where a gateway may sit, beside the true one; control finds it there
 * and believes it.
 */
export class GatewayPeer implements AsyncDisposable {
  /** Of everything that was said, and of connections. */
  said = 0;
  connections = 0;
  /** What control sent. */
  heardBytes = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #path: string;

  private constructor(path: string, next: (connection: number) => Claim) {
    this.#path = path;
    this.#server = createServer((socket) => {
      this.#open.add(socket);
      socket.on("error", () => undefined).once("close", () => this.#open.delete(socket));
      socket.on("data", (bytes) => (this.heardBytes += bytes.length));
      this.connections += 1;
      this.#claim(socket, next(this.connections));
    });
  }

  static async sit(stage: Stage, next: (connection: number) => Claim): Promise<GatewayPeer> {
    const path = join(agentRuntimeIn(stage.runtimeDir), "gateway", "gateway-2.sock");
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    const peer = new GatewayPeer(path, next);
    await new Promise<void>((resolve) => peer.#server.listen(path, resolve));
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#path, { force: true });
  }

  #claim(socket: Socket, { first, again, aConnection = Number.POSITIVE_INFINITY }: Claim): void {
    let left = aConnection;
    socket.write((first ?? helloOf)(this.connections));
    const pour = (): void => {
      for (let at = 0; at < BEFORE_A_PAUSE; at += 1) {
        if (socket.destroyed) return;
        if ((left -= 1) < 0) return void socket.end();
        const bytes = again((this.said += 1));
        if (bytes === undefined) return;
        if (!socket.write(bytes)) return void socket.once("drain", pour);
      }
      setImmediate(pour);
    };
    pour();
  }
}

export function line(message: object): string {
  return `${JSON.stringify({ v: LINK.version, ...message })}\n`;
}

/** As a gateway says it that is about to end, and has nothing open. */
export function helloOf(run: number, more: object = {}): string {
  const request = { der: "MAA=", spkiSha256: run.toString(16).padStart(64, "0") };
  return line({
    is: "hello",
    runId: `peer-${run}`,
    request,
    servingNotAfterMs: 4e12,
    open: [],
    startedMonoMs: 0,
    retired: true,
    ...more,
  });
}
