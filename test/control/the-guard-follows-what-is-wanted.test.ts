import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardNetwork } from "../../agent/control/network/guard-network.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { AgentError } from "../../agent/core/errors.ts";
import { MIRROR_PLACES_MAX } from "../../agent/core/network/mirrors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../agent/core/network/order.ts";
import type { IsolationView, NetworkView, TailnetView } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { BuildNetwork, WatchedNetwork } from "../../agent/ports/build-network.ts";
import type { Names } from "../../agent/ports/names.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { here, listening, NO_REPORT, notebook } from "./stand-ins.ts";
import { membership } from "./tailnet-stand-ins.ts";

const NETWORK: AppliedNetwork = {
  ipv4: "198.18.0.0/22",
  ipv6: "fd00:1::/64",
  generation: "g1",
  tailnet: "closed",
  resolvers: ["192.0.2.53"],
  localResolvers: [],
  families: ["ipv4", "ipv6"],
  collisions: [],
};
const REPORT: IsolationReport = { verifiedAtMs: 1, tookMs: 2, generation: "g1", findings: [] };
const AMISS: IsolationReport = {
  ...REPORT,
  findings: [
    {
      what: "instance metadata",
      target: "169.254.169.254:80",
      expected: "refused",
      got: "reached",
      ok: false,
      detail: "",
    },
  ],
};

describe("the guard", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof notebook>;
  let desired: Cell<DesiredState | undefined>;
  let tailnet: Cell<TailnetView>;
  let gateway: ReturnType<typeof listening>;
  let network: Cell<NetworkView>;
  let isolation: Cell<IsolationView>;
  let orders: NetworkOrder[];
  let verified: number;
  let applies: (Error | Partial<AppliedNetwork>)[];
  let reports: (Error | IsolationReport)[];
  let running: Promise<void>;
  let zone: Map<string, readonly string[] | Promise<readonly string[]>>;
  let asked: string[];

  const buildNetwork: BuildNetwork = {
    apply: async (order) => {
      orders.push(order);
      const outcome = applies.shift() ?? {};
      if (outcome instanceof Error) throw outcome;
      return { ...NETWORK, tailnet: order.tailnet, ...outcome };
    },
    verify: async () => {
      verified += 1;
      const outcome = reports.shift() ?? REPORT;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
  const names: Names = {
    addressesOf: async (host) => {
      asked.push(host);
      const found = zone.get(host);
      if (found === undefined) throw new AgentError("names.not-found", `Nobody knows ${host}`, { retryable: true });
      return found;
    },
  };
  let watched: WatchedNetwork;
  /** What somebody else has put in force. */
  let told: Cell<AppliedNetwork | undefined>;
  const begin = async (): Promise<void> => {
    running = guardNetwork(
      { buildNetwork: watched, names, clock, log },
      { desired, tailnet, gateway, network, isolation },
      NO_REPORT,
      stop.signal,
    );
    await settle();
  };

  beforeEach(() => {
    clock = new ManualClock();
    told = new Cell<AppliedNetwork | undefined>(undefined);
    watched = { ...buildNetwork, changes: (signal) => changesOf(told, signal) };
    stop = new AbortController();
    log = notebook();
    desired = new Cell<DesiredState | undefined>(desiredState());
    tailnet = new Cell<TailnetView>({ at: "none" });
    gateway = listening();
    network = new Cell<NetworkView>({ at: "waiting" });
    isolation = new Cell<IsolationView>({ at: "unverified" });
    [orders, applies, reports, verified] = [[], [], [], 0];
    zone = new Map();
    asked = [];
  });
  afterEach(async () => {
    stop.abort();
    await settle();
    await running;
  });

  describe("registries' mirrors", () => {
    const naming = (...mirrors: readonly string[]): DesiredState => {
      const state = desiredState();
      return { ...state, buildkit: { ...state.buildkit, registryMirrors: new Map([["docker.io", mirrors]]) } };
    };
    const opened = (): unknown => orders.at(-1)?.mirrors;

    it("are open at every address of theirs, at the port that they name", async () => {
      zone.set("mirror.example", ["10.0.0.5", "fd00::5"]);
      desired.set(naming("mirror.example:5000/path", "[fd00::7]", "192.0.2.9:80"));
      await begin();
      expect(opened()).toEqual([
        { address: "10.0.0.5", port: 5000 },
        { address: "fd00::5", port: 5000 },
        { address: "fd00::7", port: 443 },
        { address: "192.0.2.9", port: 80 },
      ]);
    });

    it("are asked for again after a minute, and followed to where they moved", async () => {
      zone.set("mirror.example", ["10.0.0.5"]);
      desired.set(naming("mirror.example"));
      await begin();
      zone.set("mirror.example", ["10.0.0.6"]);
      await clock.advance(60_000);
      expect(opened()).toEqual([{ address: "10.0.0.6", port: 443 }]);
    });

    it("stay where they were while nobody finds them, and the log tells", async () => {
      zone.set("mirror.example", ["10.0.0.5"]);
      desired.set(naming("mirror.example"));
      await begin();
      zone.delete("mirror.example");
      await clock.advance(60_000);
      expect(opened()).toEqual([{ address: "10.0.0.5", port: 443 }]);
      expect(log.events).toContain("mirrors.not-found");
    });

    it("are asked for before anything is ordered: what was in force may have them open", async () => {
      let answer = (_: readonly string[]): void => {};
      zone.set("mirror.example", new Promise<readonly string[]>((resolve) => (answer = resolve)));
      desired.set(naming("mirror.example"));
      await begin();
      expect(orders).toEqual([]);
      answer(["10.0.0.5"]);
      await settle();
      expect(orders.map(({ mirrors }) => mirrors)).toEqual([[{ address: "10.0.0.5", port: 443 }]]);
    });

    it("have no more addresses than an order takes", async () => {
      zone.set(
        "mirror.example",
        Array.from({ length: 20_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`),
      );
      desired.set(naming("mirror.example"));
      await begin();
      expect(orders.at(-1)?.mirrors).toHaveLength(MIRROR_PLACES_MAX);
      expect(log.events).toContain("mirrors.too-many-addresses");
    });

    it("that are not found keep no other one closed", async () => {
      zone.set("other.example", ["10.0.0.5"]);
      desired.set(naming("mirror.example", "other.example"));
      await begin();
      expect(opened()).toEqual([{ address: "10.0.0.5", port: 443 }]);
    });

    it("are asked for no more once nobody names them", async () => {
      zone.set("mirror.example", ["10.0.0.5"]);
      desired.set(naming("mirror.example"));
      await begin();
      desired.set(desiredState());
      await settle();
      const before = asked.length;
      await clock.advance(600_000);
      expect(asked.length).toBe(before);
      expect(opened()).toEqual([]);
    });
  });

  it("is applied as the control plane wants it, closed to every tailnet, and tried from inside", async () => {
    desired.set(desiredState({ egress: { allowedCidrs: ["203.0.113.0/24"], allowPrivateRanges: true } }));
    await begin();
    expect(orders).toEqual([
      {
        tailnet: "closed",
        searchDomains: [],
        egress: { allowedCidrs: ["203.0.113.0/24"], allowPrivateRanges: true },
        mirrors: [],
        avoid: [],
        mayMove: true,
      },
    ]);
    expect(network.get()).toMatchObject({ at: "applied", network: { generation: "g1" } });
    expect(isolation.get()).toEqual({ at: "verified", report: REPORT });
  });

  it("waits until it is known what the control plane wants, and what an earlier process left of a tailnet", async () => {
    desired.set(undefined);
    tailnet.set({ at: "unknown" });
    await begin();
    desired.set(desiredState());
    await settle();
    expect(orders).toEqual([]);
    tailnet.set({ at: "none" });
    await settle();
    expect(orders).toHaveLength(1);
  });

  it("opens to a tailnet only while this machine is a node of it, and is tried anew after each change", async () => {
    await begin();
    for (const view of [
      { at: "joining", grantId: "g", progress: "Joining" },
      { at: "joined", membership: membership({ offeredRoutes: ["10.0.0.0/8"] }) },
      { at: "leaving", because: "withdrawn" },
    ] satisfies TailnetView[]) {
      tailnet.set(view);
      await settle();
    }
    expect(orders.map((order) => [order.tailnet, order.avoid, order.searchDomains])).toEqual([
      ["closed", [], []],
      ["open", ["10.0.0.0/8"], ["tailnet.test"]],
      ["closed", [], []],
    ]);
    expect(verified).toBe(3);
  });

  it("is not applied again by a build that begins or ends", async () => {
    await begin();
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    await settle();
    gateway.update((view) => here(view, { open: new Map() }));
    await settle();
    expect(orders).toHaveLength(1);
  });

  it("moves builds' ranges out of the way of accepted routes once no build runs", async () => {
    gateway.update((view) => here(view, { open: new Map([["s1", "b1"]]) }));
    applies = [{ collisions: ["198.18.0.0/15"] }];
    await begin();
    expect(orders[0]?.mayMove).toBe(false);
    gateway.update((view) => here(view, { open: new Map() }));
    await settle();
    expect(orders.map(({ mayMove }) => mayMove)).toEqual([false, true]);
  });

  it("tells what is amiss, and tries again until it is as it must be", async () => {
    reports = [AMISS, new Error("no namespace"), REPORT];
    await begin();
    expect(isolation.get()).toEqual({ at: "verified", report: AMISS });
    expect(log.events).toContain("isolation.broken");
    await clock.advance(500);
    expect(isolation.get()).toEqual({ at: "failed", because: "no namespace" });
    await clock.advance(30_000);
    expect(isolation.get()).toEqual({ at: "verified", report: REPORT });
    await clock.advance(600_000);
    expect(verified).toBe(3);
  });

  it("is ordered and tried anew when somebody has put it right as another network, or its guard, and else never", async () => {
    await begin();
    told.set({ ...NETWORK });
    await clock.advance(3_600_000);
    expect([orders.length, verified]).toEqual([1, 1]);
    applies.push({ collisions: ["198.18.0.0/15"] });
    told.set({ ...NETWORK, collisions: ["198.18.0.0/15"] });
    await settle();
    expect([orders.length, verified]).toEqual([2, 2]);
    expect(network.get()).toMatchObject({ network: { collisions: ["198.18.0.0/15"] } });
    await clock.advance(3_600_000);
    expect([orders.length, verified]).toEqual([2, 2]);
    const guardPutBack = { atMs: 1, times: 1 };
    applies.push({ collisions: ["198.18.0.0/15"], guardPutBack });
    told.set({ ...NETWORK, collisions: ["198.18.0.0/15"], guardPutBack });
    await settle();
    expect([orders.length, verified]).toEqual([3, 3]);
  });

  it("is put right again while it is not as it must be, too", async () => {
    reports = Array.from({ length: 100 }, () => AMISS);
    await begin();
    await clock.advance(180_000);
    expect(orders.length).toBeGreaterThanOrEqual(2);
    reports = [];
    await clock.advance(60_000);
    expect(isolation.get()).toEqual({ at: "verified", report: REPORT });
  });

  it("that cannot be made for good is tried again every half minute all the same: somebody may have mended it", async () => {
    applies = [new AgentError("network.refused", "nftables is too old", { retryable: false })];
    await begin();
    await clock.advance(29_999);
    expect(orders).toHaveLength(1);
    await clock.advance(1);
    expect(orders).toHaveLength(2);
    expect(network.get().at).toBe("applied");
  });

  it.each([
    { what: "an order", limitMs: 60_000, hang: { apply: "hangs" } },
    { what: "a trial", limitMs: 100_000, hang: { verify: "hangs" } },
  ])("gives up $what that hangs after $limitMs ms, and tells it", async ({ limitMs, hang }) => {
    const hangs = (_: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("gave up"))));
    watched = {
      ...watched,
      ...("apply" in hang ? { apply: hangs } : { verify: (signal: AbortSignal) => hangs(undefined, signal) }),
    };
    await begin();
    await clock.advance(limitMs - 1);
    expect([network.get().at, isolation.get().at]).not.toContain("failed");
    await clock.advance(1);
    const failed = [network.get(), isolation.get()].find(({ at }) => at === "failed");
    expect(failed).toMatchObject({
      because: expect.stringMatching(`was not (made|tried) within ${limitMs / 1_000} s`) as unknown,
    });
  });

  it("tells why it cannot be made, tries again, and takes another wish at once", async () => {
    const refused = new AgentError("network.refused", '"x" is no CIDR', { retryable: false });
    applies = [new Error("nft is missing"), refused];
    await begin();
    expect(network.get()).toEqual({ at: "failed", because: "nft is missing" });
    expect(log.events).toEqual(["network.not-applied"]);
    await clock.advance(30_000);
    expect(network.get()).toEqual({ at: "failed", because: '"x" is no CIDR' });
    desired.set(desiredState({ egress: { allowedCidrs: [], allowPrivateRanges: true } }));
    await settle();
    expect(network.get().at).toBe("applied");
    expect(orders).toHaveLength(3);
  });
});

async function* changesOf(told: Cell<AppliedNetwork | undefined>, signal: AbortSignal): AsyncGenerator<AppliedNetwork> {
  for (let last: AppliedNetwork | undefined; !signal.aborted; ) {
    const before = last;
    last = await told.first((now) => now !== before, signal);
    if (last !== undefined) yield last;
  }
}

it("has nothing to do where builds have no network", async () => {
  const network = new Cell<NetworkView>({ at: "waiting" });
  await guardNetwork(
    { buildNetwork: undefined, names: { addressesOf: async () => [] }, clock: new ManualClock(), log: notebook() },
    {
      desired: new Cell<DesiredState | undefined>(undefined),
      tailnet: new Cell<TailnetView>({ at: "unknown" }),
      gateway: listening(),
      network,
      isolation: new Cell<IsolationView>({ at: "unverified" }),
    },
    NO_REPORT,
    new AbortController().signal,
  );
  expect(network.get()).toEqual({ at: "none" });
});
