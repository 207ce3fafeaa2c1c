import type { IncomingMessage } from "node:http";
import { LineCutter } from "../../core/line-cutter.ts";
import type { Secret } from "../../core/secret.ts";
import { Branch, within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import { type DaemonStatus, readAcceptsRoutes, readStatus } from "./daemon-status.ts";
import { daemonFailed, type LocalCall, localRequest, textOf } from "./local-request.ts";
import { type Notification, readNotification, WATCHED } from "./notification.ts";

/**
 * It is on the same machine and answers from memory; preferences are written to its state, on
 * tmpfs.
 */
const CALL_MS = 5_000;
/** The first word on the bus is its present state. */
const FIRST_WORD_MS = 5_000;
/** Ten thousand peers that come at once. A longer line only tells that something has changed. */
const LINE_MAX_CHARS = 32 * 1024 * 1024;

/** Preferences as tailscaled names them (`ipn.Prefs`). */
export type Prefs = Readonly<Record<string, boolean | number | string>>;

/**
 * tailscaled over its socket. Calls throw {AgentError} "tailnet.daemon-failed" (retryable), and the
 * signal's reason when it is aborted.
 */
export class LocalApi {
  readonly #socketPath: string;
  readonly #clock: Clock;

  constructor(socketPath: string, clock: Clock) {
    this.#socketPath = socketPath;
    this.#clock = clock;
  }

  async status(signal: AbortSignal): Promise<DaemonStatus> {
    return readStatus(await this.#call({ method: "GET", path: "status" }, signal));
  }

  async acceptsRoutes(signal: AbortSignal): Promise<boolean> {
    return readAcceptsRoutes(await this.#call({ method: "GET", path: "prefs" }, signal));
  }

  async acceptRoutes(accept: boolean, signal: AbortSignal): Promise<void> {
    await this.#call({ method: "PATCH", path: "prefs", body: { RouteAll: accept, RouteAllSet: true } }, signal);
  }

  /**
   * With these preferences and no others. The key is used once it has logged in: that needs `logIn`
   * as well.
   */
  async start(authKey: Secret, prefs: Prefs, signal: AbortSignal): Promise<void> {
    await this.#call(
      { method: "POST", path: "start", body: { AuthKey: authKey.reveal(), UpdatePrefs: prefs } },
      signal,
    );
  }

  async logIn(signal: AbortSignal): Promise<void> {
    await this.#call({ method: "POST", path: "login-interactive" }, signal);
  }

  /** Waits for the coordination server, as long as `ms`. Harmless if it is not logged in. */
  async logOut(ms: number, signal: AbortSignal): Promise<void> {
    await this.#call({ method: "POST", path: "logout" }, signal, ms);
  }

  /**
   * What happens, beginning with what is so now. Ends with `signal`. @throws if the daemon goes
   * away.
   */
  async *notifications(outer: AbortSignal): AsyncGenerator<Notification, void, undefined> {
    using connection = new Branch(outer);
    const response = await this.#open(connection);
    const cutter = new LineCutter(LINE_MAX_CHARS);
    response.setEncoding("utf8");
    try {
      // With an encoding set, the pieces are text.
      for await (const piece of response as AsyncIterable<string>) yield* cutter.push(piece).map(readNotification);
    } catch (cause) {
      if (!outer.aborted) throw daemonFailed(`tailscaled at ${this.#socketPath} broke off`, cause);
    }
    if (!outer.aborted) throw daemonFailed(`tailscaled at ${this.#socketPath} is gone`);
  }

  /** Its head comes soon or not at all; what follows may take as long as the connection lives. */
  async #open(connection: Branch): Promise<IncomingMessage> {
    using waiting = new Branch(connection.signal);
    void this.#clock
      .sleep(FIRST_WORD_MS, waiting.signal)
      .then(() => (waiting.signal.aborted ? undefined : connection.abort()));
    const call = { method: "GET", path: `watch-ipn-bus?mask=${WATCHED}` } as const;
    return await localRequest(this.#socketPath, call, connection.signal);
  }

  async #call(call: LocalCall, outer: AbortSignal, ms = CALL_MS): Promise<string> {
    try {
      return await within(this.#clock, ms, outer, async (signal) =>
        textOf(await localRequest(this.#socketPath, call, signal)),
      );
    } catch (failure) {
      outer.throwIfAborted();
      throw failure;
    }
  }
}
