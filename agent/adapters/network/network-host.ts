import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { formatAddress } from "../../core/network/address.ts";
import { type Cidr, formatCidr, parseCidr } from "../../core/network/cidr.ts";
import { conflist } from "../../core/network/conflist.ts";
import type { NetworkFacts, VerifyIsolation } from "../../core/network/facts.ts";
import { guardScript } from "../../core/network/guard.ts";
import {
  type AppliedNetwork,
  DEFAULT_EGRESS,
  type IsolationReport,
  type NetworkOrder,
} from "../../core/network/order.ts";
import { type NetworkPlan, planNetwork, resolvConfOf } from "../../core/network/plan.ts";
import { CLOSED, type NetworkWish, wishOf } from "../../core/network/wish.ts";
import type { BuildNetwork } from "../../ports/build-network.ts";
import type { Log } from "../../ports/log.ts";
import { makeBridge } from "./bridge.ts";
import { guardFingerprint, putGuard } from "./guard.ts";
import { takeBackLeases } from "./leases.ts";
import { underLock } from "./lock.ts";
import { linkAddresses, machineNetwork, tailnetRoutes } from "./machine-network.ts";
import { factsOf } from "./network-facts.ts";
import { putResolvConf } from "./resolv-conf-file.ts";
import { type GuardInForce, type NetworkState, readState, replaceFile } from "./state-file.ts";
import { letForward } from "./sysctl.ts";

/** Where the network's files lie: root's, for everybody to read. */
export interface NetworkPlaces {
  readonly stateFile: string;
  readonly conflistFile: string;
  readonly leasesDir: string;
  readonly resolvConfFile: string;
}

export interface NetworkHostOptions {
  readonly places: NetworkPlaces;
  /** What the facts take from the configuration. */
  readonly told: Pick<NetworkFacts, "cniBinaryDir" | "agentPorts" | "probeTarget">;
  readonly verifyIsolation: VerifyIsolation;
  readonly log: Log;
}

/** The builds' network of this machine (of the network namespace that this process is in), carried out as root. */
export class NetworkHost implements BuildNetwork {
  readonly #options: NetworkHostOptions;

  constructor(options: NetworkHostOptions) {
    this.#options = options;
  }

  apply(order: NetworkOrder, signal: AbortSignal): Promise<AppliedNetwork> {
    const wish = wishOf(order);
    return this.#changing(signal, async (last) => (await this.#enforce(wish, order, last, signal)).applied);
  }

  /**
   * What was applied last is in force when this resolves, also if somebody has flushed it; where nothing was, a guard that lets nothing through but
   * names. Ranges do not change. @throws {AgentError} "network.failed" and its like: then no build may begin.
   */
  ensure(signal: AbortSignal): Promise<AppliedNetwork> {
    return this.#changing(signal, async (last) => {
      const order = last?.order;
      const wish = order === undefined ? CLOSED : { ...wishOf(order), mayMove: false };
      return (await this.#enforce(wish, order, last, signal)).applied;
    });
  }

  /** All that must be so before a BuildKit starts, while none runs. @throws as `ensure` does. */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.ensure(signal);
    await takeBackLeases(this.#options.places.leasesDir);
  }

  /** Closes the tailnet, and leaves the rest as it is. Undefined: there is no network to close it to. */
  async closeTailnet(signal: AbortSignal): Promise<AppliedNetwork | undefined> {
    const { places } = this.#options;
    if ((await readState(places.stateFile)) === undefined) return undefined;
    return this.#changing(signal, async (last) => {
      const order: NetworkOrder = {
        ...(last?.order ?? { egress: DEFAULT_EGRESS, avoid: [] }),
        tailnet: "closed",
        searchDomains: [],
        mayMove: false,
      };
      const wish = last?.order === undefined ? CLOSED : wishOf(order);
      return (await this.#enforce(wish, last?.order && order, last, signal)).applied;
    });
  }

  async verify(signal: AbortSignal): Promise<IsolationReport> {
    const state = await readState(this.#options.places.stateFile);
    if (state?.order === undefined)
      throw new AgentError(
        "isolation.not-verified",
        "There is no network of builds yet: it is made by control's order",
        {
          retryable: true,
        },
      );
    const { places, told, verifyIsolation } = this.#options;
    const around = { ...told, cniConfigFile: places.conflistFile };
    const [addresses, routes] = await Promise.all([linkAddresses(signal), tailnetRoutes(signal)]);
    const facts = factsOf(state, addresses, around, routes);
    return verifyIsolation(facts, signal);
  }

  async #changing<T>(signal: AbortSignal, work: (last: NetworkState | undefined) => Promise<T>): Promise<T> {
    const { places } = this.#options;
    await mkdir(places.leasesDir, { recursive: true, mode: 0o755 });
    return underLock(`${places.stateFile}.lock`, signal, async () => work(await readState(places.stateFile)));
  }

  /** The guard first: what follows is under it. */
  async #enforce(
    wish: NetworkWish,
    order: NetworkOrder | undefined,
    last: NetworkState | undefined,
    signal: AbortSignal,
  ): Promise<NetworkState> {
    const { places, log } = this.#options;
    const { addresses, machine } = await machineNetwork(signal);
    const plan = planNetwork(wish, machine, rangesOf(last));
    const guard = await this.#guard(plan, last?.guard, signal);
    await makeBridge(plan, addresses, signal);
    await letForward();
    const list = conflist(plan, places.leasesDir);
    await replaceFile(places.conflistFile, list);
    await putResolvConf(places.resolvConfFile, resolvConfOf(plan));
    const state = stateOf(plan, order, guard);
    await replaceFile(places.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
    const isNew = JSON.stringify(state) !== JSON.stringify(last);
    log[isNew ? "info" : "debug"]({ ...state.applied, generation: undefined }, "network.in-force");
    return state;
  }

  async #guard(plan: NetworkPlan, last: GuardInForce | undefined, signal: AbortSignal): Promise<GuardInForce> {
    const script = guardScript(plan);
    const fingerprint = createHash("sha256").update(script).digest("hex");
    if (last?.script === fingerprint) {
      if ((await guardFingerprint(signal)) === last.kernel) return last;
      this.#options.log.warn({}, "network.guard-was-gone");
    }
    return { script: fingerprint, kernel: await putGuard(script, signal) };
  }
}

function rangesOf(last: NetworkState | undefined): { readonly ipv4: Cidr; readonly ipv6: Cidr } | undefined {
  if (last === undefined) return undefined;
  const [ipv4, ipv6] = [parseCidr(last.applied.ipv4), parseCidr(last.applied.ipv6)];
  return ipv4 === undefined || ipv6 === undefined ? undefined : { ipv4, ipv6 };
}

function stateOf(plan: NetworkPlan, order: NetworkOrder | undefined, guard: GuardInForce): NetworkState {
  const { ipv4, ipv6, wish, resolvers, nameservers, collisions, generation } = plan;
  return {
    schemaVersion: 1,
    ...(order !== undefined && { order }),
    applied: {
      ipv4: formatCidr(ipv4.cidr),
      ipv6: formatCidr(ipv6.cidr),
      generation,
      tailnet: wish.tailnet,
      resolvers: resolvers.map(formatAddress),
      collisions: collisions.map(formatCidr),
    },
    nameservers: nameservers.map(formatAddress),
    guard,
  };
}
