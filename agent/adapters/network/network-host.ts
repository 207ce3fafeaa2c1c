import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { AgentError } from "../../core/errors.ts";
import { formatAddress } from "../../core/network/address.ts";
import { buildkitNetwork } from "../../core/network/buildkit-network.ts";
import { type Cidr, cidr, formatCidr, parseCidr } from "../../core/network/cidr.ts";
import { conflist } from "../../core/network/conflist.ts";
import type { VerifyIsolation } from "../../core/network/facts.ts";
import { guardScript } from "../../core/network/guard.ts";
import {
  type AppliedNetwork,
  DEFAULT_EGRESS,
  type GuardPutBack,
  type IsolationReport,
  type NetworkOrder,
} from "../../core/network/order.ts";
import { type NetworkPlan, planNetwork, rangesOf, resolvConfOf } from "../../core/network/plan.ts";
import { CLOSED, type NetworkWish, wishOf } from "../../core/network/wish.ts";
import type { BuildNetwork } from "../../ports/build-network.ts";
import type { Log, LogOf } from "../../ports/log.ts";
import { underLock } from "../../wire/lock.ts";
import { makeBuildsLink } from "./builds-link.ts";
import { guardFingerprint, putGuard } from "./guard.ts";
import { takeBackLeases } from "./leases.ts";
import { linkAddresses, machineNetwork, tailnetRoutes } from "./machine-network.ts";
import { factsOf, type Told } from "./network-facts.ts";
import { putResolvConf } from "./resolv-conf-file.ts";
import { type GuardInForce, type NetworkState, readState, tellEverybody } from "./state-file.ts";
import { forgetTheSilent, giveUpOnTheDead, letForward } from "./sysctl.ts";

/** A change takes a fraction of a second; several may come at once. */
const LOCK_WAIT_S = 30;

/** Where the network's files lie: root's, for everybody to read. */
export interface NetworkPlaces {
  readonly stateFile: string;
  readonly conflistFile: string;
  readonly leasesDir: string;
  readonly resolvConfFile: string;
  /** The program by which BuildKit gets a network of its own, and what that needs beside it. */
  readonly buildkitNetworkFile: string;
  readonly buildkitMountDir: string;
}

export interface NetworkHostOptions {
  readonly places: NetworkPlaces;
  /** What the facts take from the configuration. */
  readonly told: Omit<Told, "cniConfigFile">;
  readonly verifyIsolation: VerifyIsolation;
  readonly log: Log;
}

/**
 * The builds' network of this machine (of the network namespace that this process is in), carried
 * out as root.
 */
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
   * What was applied last is in force when this resolves, also if somebody has flushed it; where
   * nothing was, a guard that lets nothing through but names. Ranges do not change. @throws
   * {AgentError} "network.failed" and its like: then no build may begin.
   */
  ensure(signal: AbortSignal): Promise<AppliedNetwork> {
    return this.#changing(signal, async (last) => {
      const order = last?.order;
      const wish = order === undefined ? CLOSED : { ...wishOf(order), mayMove: false };
      return (await this.#enforce(wish, order, last, signal)).applied;
    });
  }

  /**
   * The same for what somebody may have changed meanwhile. Undefined: nothing was ever in force,
   * and nothing is done.
   */
  async restore(signal: AbortSignal): Promise<AppliedNetwork | undefined> {
    if ((await readState(this.#options.places.stateFile)) === undefined) return undefined;
    return this.ensure(signal);
  }

  /** All that must be so before a BuildKit starts, while none runs. @throws as `ensure` does. */
  async prepare(signal: AbortSignal): Promise<AppliedNetwork> {
    const applied = await this.ensure(signal);
    await takeBackLeases(this.#options.places.leasesDir);
    return applied;
  }

  /**
   * Closes the tailnet, and leaves the rest as it is. Undefined: there is no network to close it
   * to.
   */
  async closeTailnet(signal: AbortSignal): Promise<AppliedNetwork | undefined> {
    const { places } = this.#options;
    if ((await readState(places.stateFile)) === undefined) return undefined;
    return this.#changing(signal, async (last) => {
      const order: NetworkOrder = {
        ...(last?.order ?? { egress: DEFAULT_EGRESS, mirrors: [], avoid: [] }),
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
    for (const directory of [places.leasesDir, places.buildkitMountDir])
      await mkdir(directory, { recursive: true, mode: 0o755 });
    const file = `${places.stateFile}.lock`;
    const busy = (cause?: unknown): AgentError =>
      new AgentError("network.busy", `The builds' network is being changed by another process, which holds ${file}`, {
        retryable: true,
        cause,
      });
    return underLock({ file, waitS: LOCK_WAIT_S, signal, busy }, async () => work(await readState(places.stateFile)));
  }

  /** The guard first: what follows is under it. */
  async #enforce(
    wish: NetworkWish,
    order: NetworkOrder | undefined,
    last: NetworkState | undefined,
    signal: AbortSignal,
  ): Promise<NetworkState> {
    const { places, told, log } = this.#options;
    const { addresses, machine } = await machineNetwork(signal);
    const nat64Prefix = told.nat64Prefix === undefined ? undefined : cidr(told.nat64Prefix);
    const plan = planNetwork(wish, { ...machine, nat64Prefix }, rangesInForce(last));
    const { guard, wasGone } = await this.#guard(plan, last?.guard, signal);
    const putBack = last?.applied.guardPutBack;
    const nowPutBack = wasGone ? { atMs: Date.now(), times: (putBack?.times ?? 0) + 1 } : putBack;
    await makeBuildsLink(plan, addresses, signal);
    await letForward();
    await giveUpOnTheDead();
    await forgetTheSilent();
    const list = conflist(plan, places.leasesDir);
    await tellEverybody(places.conflistFile, list);
    await putResolvConf(places.resolvConfFile, resolvConfOf(plan));
    const { cniBinaryDir } = told;
    const program = buildkitNetwork(plan, { mountDir: places.buildkitMountDir, cniBinaryDir });
    await tellEverybody(places.buildkitNetworkFile, program);
    const state = stateOf(plan, order, guard, nowPutBack);
    await tellEverybody(places.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
    const isNew = JSON.stringify(state) !== JSON.stringify(last);
    const line: LogOf<"network.in-force"> = log;
    line[isNew ? "info" : "debug"]({ ...state.applied, generation: undefined }, "network.in-force");
    return state;
  }

  async #guard(
    plan: NetworkPlan,
    last: GuardInForce | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly guard: GuardInForce; readonly wasGone: boolean }> {
    const script = guardScript(plan);
    const fingerprint = createHash("sha256").update(script).digest("hex");
    const known = last?.script === fingerprint ? last.kernel : undefined;
    if (known !== undefined) {
      const guard = { script: fingerprint, kernel: known };
      if ((await guardFingerprint(signal)) === known) return { guard, wasGone: false };
      this.#options.log.warn({}, "network.guard-was-gone");
    }
    const kernel = await putGuard(script, known, signal);
    return { guard: { script: fingerprint, kernel }, wasGone: known !== undefined };
  }
}

function rangesInForce(last: NetworkState | undefined): { readonly ipv4: Cidr; readonly ipv6: Cidr } | undefined {
  if (last === undefined) return undefined;
  const [ipv4, ipv6] = [parseCidr(last.applied.ipv4), parseCidr(last.applied.ipv6)];
  return ipv4 === undefined || ipv6 === undefined ? undefined : { ipv4, ipv6 };
}

function stateOf(
  plan: NetworkPlan,
  order: NetworkOrder | undefined,
  guard: GuardInForce,
  guardPutBack: GuardPutBack | undefined,
): NetworkState {
  const { ipv4, ipv6, families, wish, resolvers, localResolvers, nameservers, collisions } = plan;
  return {
    schemaVersion: 1,
    ...(order !== undefined && { order }),
    applied: {
      ipv4: formatCidr(ipv4.cidr),
      ipv6: formatCidr(ipv6.cidr),
      families,
      generation: `${rangesOf(plan)
        .map((range) => formatCidr(range.cidr))
        .join(" ")} point to point`,
      tailnet: wish.tailnet,
      resolvers: resolvers.map(formatAddress),
      localResolvers: localResolvers.map(formatAddress),
      collisions: collisions.map(formatCidr),
      ...(guardPutBack !== undefined && { guardPutBack }),
    },
    nameservers: nameservers.map(formatAddress),
    guard,
  };
}
