import { AgentError } from "../../../agent/core/errors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../../agent/core/network/order.ts";
import { aborted } from "../../../agent/lifecycle/branch.ts";
import type { WatchedNetwork } from "../../../agent/ports/build-network.ts";
import type { KnownSessions } from "../facts.ts";
import type { GatewayProcess } from "./gateway-process.ts";
import type { Stage } from "./stage.ts";

/** A route of others that lies where the builds' network is at first. */
export const COLLIDING_ROUTE = "10.89.0.0/24";

const RANGES = [COLLIDING_ROUTE, "10.90.0.0/24", "10.91.0.0/24"] as const;

/** The builds' bridge and its guard. They outlive control. */
export class SimulatedNetwork implements WatchedNetwork {
  readonly #stage: Stage;
  readonly #gateway: GatewayProcess;
  applyMs = 80;
  appliesToFail = 0;
  verifiesToFail = 0;
  /** So many of the next verifications find a hole. */
  holesToFind = 0;
  #range = 0;
  #generation = 1;
  applied: AppliedNetwork | undefined;
  isVerified = false;

  constructor(stage: Stage, gateway: GatewayProcess) {
    this.#stage = stage;
    this.#gateway = gateway;
  }

  reboot(): void {
    this.applied = undefined;
    this.isVerified = false;
  }

  async apply(order: NetworkOrder, signal: AbortSignal): Promise<AppliedNetwork> {
    // An order is judged by what could be known when it was given.
    const { known } = this.#gateway;
    await this.#stage.clock.wait(this.applyMs, signal);
    signal.throwIfAborted();
    if (this.appliesToFail > 0) {
      this.appliesToFail -= 1;
      throw new AgentError("network.failed", "nft failed", { retryable: true });
    }
    const collides = (): boolean => order.avoid.includes(RANGES[this.#range] ?? "");
    if (collides() && order.mayMove) this.#move(order, known);
    this.applied = {
      ipv4: RANGES[this.#range] ?? "",
      ipv6: `fd00:${this.#range}::/64`,
      generation: String(this.#generation),
      tailnet: order.tailnet,
      resolvers: ["192.0.2.53"],
      localResolvers: [],
      families: ["ipv4", "ipv6"],
      collisions: collides() ? [RANGES[this.#range] ?? ""] : [],
    };
    return this.applied;
  }

  async verify(signal: AbortSignal): Promise<IsolationReport> {
    await this.#stage.clock.wait(1_500, signal);
    signal.throwIfAborted();
    if (this.verifiesToFail > 0) {
      this.verifiesToFail -= 1;
      throw new AgentError("isolation.not-verified", "The probe did not run", { retryable: true });
    }
    const ok = this.holesToFind === 0;
    if (!ok) this.holesToFind -= 1;
    this.isVerified = ok;
    return {
      verifiedAtMs: this.#stage.clock.now.wallMs,
      tookMs: 1_500,
      generation: this.applied?.generation ?? "",
      findings: [
        {
          what: "instance metadata",
          target: "169.254.169.254:80",
          expected: "refused",
          got: ok ? "refused" : "reached",
          ok,
          detail: "",
        },
      ],
    };
  }

  /** Nobody else is in this machine. */
  changes(signal: AbortSignal): AsyncIterable<AppliedNetwork> {
    const over = async (): Promise<IteratorReturnResult<undefined>> => {
      await aborted(signal, signal);
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next: over }) };
  }

  #move({ avoid }: NetworkOrder, known: KnownSessions): void {
    this.#stage.trace.note({ is: "hurt", what: "guard-moved", known, open: this.#gateway.openCount });
    this.#range = RANGES.findIndex((range) => !avoid.includes(range));
    this.#generation += 1;
  }
}
