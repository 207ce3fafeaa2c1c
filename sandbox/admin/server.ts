import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline/promises";
import type { z } from "zod";
import { BuildRefused } from "../control-plane/acceptance.ts";
import { messageOf } from "../failure.ts";
import type { AdminAnswer } from "./request.ts";

/**
 * An answer after which the connection goes on: `result` is told, then `go` has the connection.
 */
export class GoesOn {
  readonly result: unknown;
  readonly go: (socket: Socket) => void;

  constructor(result: unknown, go: (socket: Socket) => void) {
    this.result = result;
    this.go = go;
  }
}

/** Answers requests on a unix socket that only this user can open; a request a connection. */
export class AdminServer<Request> implements AsyncDisposable {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #schema: z.ZodType<Request>;
  #handle: (request: Request) => Promise<unknown> = async () => {
    throw new Error("It is still starting: wait for its ready.json.");
  };

  private constructor(path: string, schema: z.ZodType<Request>, server: Server) {
    this.path = path;
    this.#schema = schema;
    this.#server = server;
  }

  static async listen<Request>(path: string, schema: z.ZodType<Request>): Promise<AdminServer<Request>> {
    const server = createServer();
    const admin = new AdminServer(path, schema, server);
    server.on("connection", (socket) => void admin.#serve(socket));
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o600);
    return admin;
  }

  /** Until this is called, every request is told to wait. */
  answerWith(handle: (request: Request) => Promise<unknown>): void {
    this.#handle = handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // A client that went away has no use for its answer.
    socket.on("error", () => socket.destroy());
    for await (const line of createInterface({ input: socket })) {
      const answer = await this.#answer(line);
      if (answer.ok && answer.result instanceof GoesOn) {
        const { result, go } = answer.result;
        socket.write(`${JSON.stringify({ ok: true, result })}\n`);
        // After the reader of lines has let go of it.
        setImmediate(() => go(socket));
      } else socket.end(`${JSON.stringify(answer)}\n`);
      return;
    }
  }

  async #answer(line: string): Promise<AdminAnswer> {
    try {
      return { ok: true, result: (await this.#handle(this.#schema.parse(JSON.parse(line)))) ?? null };
    } catch (failure) {
      const refused = failure instanceof BuildRefused;
      return { ok: false, error: messageOf(failure), ...(refused && { refused }) };
    }
  }
}
