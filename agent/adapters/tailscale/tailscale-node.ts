import { AgentError } from "../../core/errors.ts";
import type { TailnetMembership } from "../../core/tailnet/wish.ts";
import { within } from "../../lifecycle/branch.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { ServiceUnits } from "../../ports/service-units.ts";
import type { TailnetJoin, TailnetNode } from "../../ports/tailnet.ts";
import type { DaemonStatus } from "./daemon-status.ts";
import { logIn } from "./join-attempt.ts";
import { LocalApi } from "./local-api.ts";
import { daemonFailed } from "./local-request.ts";
import { membershipOf, tagsMissing } from "./membership.ts";
import { MembershipMemory, type Remembered } from "./membership-memory.ts";
import { keyed, settled } from "./settled.ts";
import { watchMembership } from "./watch-membership.ts";

/**
 * A coordination server that hears of it answers in milliseconds; for one that does not tailscaled
 * itself would wait for ever.
 */
const LOGOUT_MS = 5_000;

/**
 * A server that is letting this machine in at the moment when nobody wants that any more: it has to
 * be in, to leave.
 */
const UNDER_WAY_MS = 4_000;

const END_LOOKS = 20;
const END_LOOK_EVERY_MS = 50;

export interface TailscaleNodeOptions {
  readonly socketPath: string;
  /**
   * What is remembered of the membership: a file that is lost with the machine's memory, as the
   * daemon's state is.
   */
  readonly memoryFile: string;
  readonly services: ServiceUnits;
  /** Where the order names none. */
  readonly coordinationUrl: string;
  /** Our own user, where that is not the daemon's: it stays allowed to steer it. */
  readonly operatorUser?: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Departure {
  readonly loggedOut: boolean;
  readonly nodeId?: string;
}

/**
 * This machine as a node, by tailscaled. Its calls come one after the other; only `acceptRoutes`
 * may come while one watches.
 */
export class TailscaleNode implements TailnetNode {
  readonly #options: TailscaleNodeOptions;
  readonly #api: LocalApi;
  readonly #memory: MembershipMemory;

  constructor(options: TailscaleNodeOptions) {
    this.#options = options;
    this.#api = new LocalApi(options.socketPath, options.clock);
    this.#memory = new MembershipMemory(options.memoryFile, options.log);
  }

  async join(order: TailnetJoin, onProgress: (words: string) => void, signal: AbortSignal): Promise<TailnetMembership> {
    const { clock, operatorUser } = this.#options;
    const { grantId, tags, coordinationUrl: server = this.#options.coordinationUrl } = order;
    const remembered = { grantId, tags, server, nodeId: "" };
    onProgress("Starting tailscaled");
    if ((await this.#memory.recall()) !== undefined) await this.leave(signal);
    let underWay = false;
    try {
      await this.#startLoggedOut(signal);
      // Before it logs in: who finds it running after our end must know for whom.
      await this.#memory.keep(remembered);
      const operator = operatorUser !== undefined && { operatorUser };
      const attempt = { ...order, coordinationUrl: server, ...operator };
      const outcome = await logIn({ api: this.#api, clock, order: attempt, onProgress }, signal);
      underWay = outcome.is === "given-up" && outcome.underWay;
      if (outcome.is !== "running") throw outcome.failure;
      const status = await this.#api.status(signal);
      const missing = tagsMissing(tags, status);
      if (missing !== undefined) throw missing;
      await this.#memory.keep({ ...remembered, nodeId: status.nodeId });
      return await this.#membership(grantId, status, signal);
    } catch (failure) {
      await this.#giveUp(remembered, underWay);
      throw failure;
    }
  }

  async recall(signal: AbortSignal): Promise<TailnetMembership | undefined> {
    const { services } = this.#options;
    const remembered = await this.#memory.recall();
    if (remembered === undefined) return undefined;
    if ((await services.show("tailscaled", signal)).at === "not-installed") return undefined;
    await services.start("tailscaled", signal);
    if (!(await this.#api.status(signal)).hasNodeKey) return undefined;
    const status = await settled(this.#api, remembered.server, signal);
    if (status.state !== "Running" || tagsMissing(remembered.tags, status) !== undefined) return undefined;
    const { grantId } = remembered;
    await this.#memory.keep({ ...remembered, nodeId: status.nodeId });
    return this.#membership(grantId, status, signal);
  }

  acceptRoutes(accept: boolean, signal: AbortSignal): Promise<void> {
    return this.#api.acceptRoutes(accept, signal);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<TailnetMembership, void, undefined> {
    const grantId = (await this.#memory.recall())?.grantId ?? "";
    try {
      yield* watchMembership(this.#api, grantId, signal);
    } catch (failure) {
      if (signal.aborted) return;
      throw await this.#reasonOf(failure, signal);
    }
  }

  async leave(signal: AbortSignal): Promise<Departure> {
    const departure = await this.#depart(signal);
    await this.#memory.forget();
    return departure;
  }

  /** A daemon that broke off may have ended: its manager knows how, in a moment. */
  async #reasonOf(failure: unknown, signal: AbortSignal): Promise<unknown> {
    const { services, clock } = this.#options;
    if (!(failure instanceof AgentError && failure.code === "tailnet.daemon-failed")) return failure;
    for (let looks = 0; looks < END_LOOKS && !signal.aborted; looks += 1) {
      const { at, result } = await services.show("tailscaled", signal);
      if (at !== "active" && at !== "starting")
        return daemonFailed(`tailscaled ended${result && ` (${result})`}`, failure);
      await clock.sleep(END_LOOK_EVERY_MS, signal);
    }
    return failure;
  }

  /** A daemon that is running and a node of nothing. */
  async #startLoggedOut(signal: AbortSignal): Promise<void> {
    const { services } = this.#options;
    await services.start("tailscaled", signal);
    if (!(await this.#api.status(signal)).hasNodeKey) return;
    await this.#logOut(signal);
    await services.stop("tailscaled", signal);
    await services.start("tailscaled", signal);
  }

  /**
   * After a join that failed, or that nobody wants any more. A node of which the server did not
   * hear that it is gone stays in memory, for `leave` to tell.
   */
  async #giveUp(remembered: Remembered, underWay: boolean): Promise<void> {
    const { log, clock } = this.#options;
    const never = new AbortController().signal;
    try {
      if (underWay) await within(clock, UNDER_WAY_MS, never, (limit) => keyed(this.#api, clock, limit));
      const { loggedOut, nodeId } = await this.#depart(never);
      if (loggedOut || nodeId === undefined) await this.#memory.forget();
      else await this.#memory.keep({ ...remembered, nodeId });
    } catch (err) {
      log.error({ err }, "tailnet.join-not-undone");
    }
  }

  async #depart(signal: AbortSignal): Promise<Departure> {
    const { services, log } = this.#options;
    const remembered = await this.#memory.recall();
    let nodeId = remembered?.nodeId ?? "";
    let loggedOut = false;
    const { at } = await services.show("tailscaled", signal);
    if (at === "not-installed") return { loggedOut };
    try {
      // A daemon that was killed left its state, and with that it can still say good-bye.
      if (at !== "active" && remembered !== undefined) await services.start("tailscaled", signal);
      if (at === "active" || remembered !== undefined) {
        const status = await this.#api.status(signal);
        nodeId = status.nodeId || nodeId;
        if (status.hasNodeKey) loggedOut = await this.#logOut(signal);
      }
    } catch (err) {
      signal.throwIfAborted();
      log.warn({ err }, "tailnet.no-good-bye");
    }
    await services.stop("tailscaled", signal);
    return { loggedOut, ...(nodeId !== "" && { nodeId }) };
  }

  /** Whether the server heard of it. */
  async #logOut(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#api.logOut(LOGOUT_MS, signal);
      return true;
    } catch (err) {
      signal.throwIfAborted();
      this.#options.log.warn({ err }, "tailnet.not-logged-out");
      return false;
    }
  }

  async #membership(grantId: string, status: DaemonStatus, signal: AbortSignal): Promise<TailnetMembership> {
    return membershipOf(grantId, status, await this.#api.acceptsRoutes(signal));
  }
}
