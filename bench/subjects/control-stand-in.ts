import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { BenchFailed } from "../failure.ts";
import type { Credentials } from "../load/credentials.ts";

/** The gateway lets nothing new in once its view is 5 minutes old. */
const CONFIRM_EVERY_MS = 30_000;
const DAY_MS = 24 * 60 * 60_000;
const LINK_VERSION = 1;
/** About as long as a disk takes to have them. */
const ACKNOWLEDGE_AFTER_MS = 5;

/** What of the gateway's news matters here, beside that sessions closed. */
const News = z.discriminatedUnion("is", [
  z.object({ is: z.literal("hello"), request: z.object({ der: z.base64(), spkiSha256: z.string() }) }),
  z.object({ is: z.literal("stats"), stats: z.object({ listening: z.boolean(), address: z.string().optional() }) }),
]);
/** No more of the rest is read than this: it shares two cores with what is measured. */
const MATTERS = /^\{"v":1,"is":"(?:hello|stats)"/;
const CLOSED = /^\{"v":1,"is":"closed","summary":\{"sessionId":"([^"]+)"/;

/**
 * Stands in for the control process on the gateway's link (one JSON object a line): certifies the
 * gateway's key, grants the one build, confirms that view, acknowledges records, those that come
 * together in one line, as control does. It does no more, so that what is measured is the gateway.
 */
export class ControlStandIn implements AsyncDisposable {
  /** The gateway's address, once it listens. Rejects if the link is lost before. */
  readonly listening: Promise<string>;
  readonly #socket: Socket;
  readonly #credentials: Credentials;
  readonly #confirming: NodeJS.Timeout;
  #listens: (address: string) => void = () => undefined;
  #fails: (failure: BenchFailed) => void = () => undefined;
  readonly #closed: string[] = [];

  private constructor(socket: Socket, credentials: Credentials) {
    this.#socket = socket;
    this.#credentials = credentials;
    this.#confirming = setInterval(() => this.#order({ is: "confirm", at: now() }), CONFIRM_EVERY_MS);
    this.listening = new Promise((resolve, reject) => {
      this.#listens = resolve;
      this.#fails = reject;
    });
    // Whoever waits for it hears of it; a link that ends after all was measured is no failure.
    this.listening.catch(() => undefined);
    socket.on("error", (cause) => this.#fails(new BenchFailed("The gateway's link failed.", { cause })));
    socket.on("close", () => this.#fails(new BenchFailed("The gateway closed its link.")));
    createInterface({ input: socket }).on("line", (line) => void this.#hear(line));
  }

  /** @throws If nobody listens there. */
  static async attach(path: string, credentials: Credentials): Promise<ControlStandIn> {
    const socket = connect(path);
    try {
      await once(socket, "connect");
    } catch (cause) {
      socket.destroy();
      throw cause;
    }
    return new ControlStandIn(socket, credentials);
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#confirming);
    this.#socket.destroy();
    return Promise.resolve();
  }

  async #hear(line: string): Promise<void> {
    const [, closed] = CLOSED.exec(line) ?? [];
    if (closed !== undefined) this.#noteClosed(closed);
    if (!MATTERS.test(line)) return;
    try {
      const news = News.parse(JSON.parse(line));
      if (news.is === "hello") {
        await this.#certify(news.request);
        this.#order({ is: "allow", allowSet: this.#allowSet() });
      } else if (news.stats.listening && news.stats.address !== undefined) {
        this.#listens(news.stats.address);
      }
    } catch (cause) {
      this.#fails(new BenchFailed("The gateway's link says something unexpected.", { cause }));
    }
  }

  #noteClosed(sessionId: string): void {
    if (this.#closed.push(sessionId) > 1) return;
    setTimeout(() => this.#order({ is: "acknowledge", sessionIds: this.#closed.splice(0) }), ACKNOWLEDGE_AFTER_MS);
  }

  async #certify(request: { readonly der: string; readonly spkiSha256: string }): Promise<void> {
    const { serving, serverName } = this.#credentials;
    const { chainPem } = await serving.certify(
      { csrDer: Buffer.from(request.der, "base64") },
      { name: serverName, dnsSans: [serverName], extendedKeyUsage: [SERVER_AUTH] },
    );
    this.#order({ is: "certify", keySpkiSha256: request.spkiSha256, chainPem });
  }

  #allowSet(): object {
    const { trustDomain, org, project, id } = this.#credentials.build;
    return {
      revision: "1",
      epoch: "bench",
      trustDomain,
      buildCas: [this.#credentials.buildCaPem],
      grants: [{ buildId: id, orgId: org, projectId: project, expiresAtMs: Date.now() + DAY_MS }],
      closed: [],
      admission: { at: "open" },
      confirmedAt: now(),
    };
  }

  #order(order: object): void {
    this.#socket.write(`${JSON.stringify({ v: LINK_VERSION, ...order })}\n`);
  }
}

/** On the clocks that all processes of one boot share. */
function now(): { wallMs: number; monoMs: number } {
  return { wallMs: Date.now(), monoMs: Number(process.hrtime.bigint() / 1_000n) / 1_000 };
}
