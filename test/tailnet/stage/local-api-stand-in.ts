import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ServiceUnits } from "../../../agent/ports/service-units.ts";

/**
 * Speaks as tailscaled v1.100.0 does over its socket, and says what a test wants it to: for what no
 * server here can be brought to say.
 */
export class LocalApiStandIn implements AsyncDisposable {
  readonly dir: string;
  /** "POST start", … and what was done to the unit. */
  readonly asked: string[] = [];
  readonly bodies: unknown[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  status: Readonly<Record<string, unknown>> = { BackendState: "NeedsLogin", HaveNodeKey: false, Self: { ID: "" } };
  /** Once somebody has logged in. */
  statusThen: Readonly<Record<string, unknown>> | undefined;
  /** Lines on the bus once somebody logs in. */
  onLogin: readonly object[] = [];
  /** Instead of an answer. */
  refuses: { readonly path: string; readonly status: number; readonly words: string } | undefined;
  readonly #server: Server;
  readonly #watchers = new Set<ServerResponse>();

  private constructor(dir: string) {
    this.dir = dir;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async listen(): Promise<LocalApiStandIn> {
    const api = new LocalApiStandIn(await mkdtemp(join(tmpdir(), "la-")));
    api.#server.listen(api.socketPath);
    await once(api.#server, "listening");
    return api;
  }

  get socketPath(): string {
    return join(this.dir, "s");
  }

  /** A manager for which it is always there. */
  get services(): ServiceUnits {
    const note = (verb: string) => async (unit: string) => void this.asked.push(`${verb} ${unit}`);
    return { start: note("start"), stop: note("stop"), show: async () => ({ at: "active", result: "" }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
    await rm(this.dir, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").replace("/localapi/v0/", "").replace(/\?.*/, "");
    this.asked.push(`${request.method} ${path}`);
    this.headers.push(request.headers);
    const body = await text(request);
    if (body !== "") this.bodies.push(JSON.parse(body));
    if (this.refuses?.path === path) {
      response.writeHead(this.refuses.status).end(`${this.refuses.words}\n`);
      return;
    }
    if (path === "watch-ipn-bus") {
      this.#watchers.add(response);
      response.write(`${JSON.stringify({ Version: "1.100.0", State: 2 })}\n`);
      return;
    }
    if (path === "status" || path === "prefs") {
      response.end(JSON.stringify(path === "status" ? this.status : { RouteAll: false }));
      return;
    }
    if (path === "login-interactive") this.status = this.statusThen ?? this.status;
    response.writeHead(204).end();
    if (path === "login-interactive")
      for (const watcher of this.#watchers) for (const line of this.onLogin) watcher.write(`${JSON.stringify(line)}\n`);
  }
}
