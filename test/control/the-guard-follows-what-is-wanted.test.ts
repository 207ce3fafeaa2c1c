import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardNetwork } from "../../agent/control/guard-network.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { AppliedNetwork, IsolationReport, NetworkOrder } from "../../agent/core/network/order.ts";
import type { IsolationView, NetworkView, TailnetView } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { BuildNetwork } from "../../agent/ports/build-network.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { listening, notebook } from "./stand-ins.ts";
import { membership } from "./tailnet-stand-ins.ts";

const NETWORK: AppliedNetwork = {
  ipv4: "198.18.0.0/22",
  ipv6: "fd00:1::/64",
  generation: "g1",
  tailnet: "closed",
  resolvers: ["192.0.2.53"],
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
  const begin = async (): Promise<void> => {
    running = guardNetwork(
      { buildNetwork, clock, log },
      { desired, tailnet, gateway, network, isolation },
      stop.signal,
    );
    await settle();
  };

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    log = notebook();
    desired = new Cell<DesiredState | undefined>(desiredState());
    tailnet = new Cell<TailnetView>({ at: "none" });
    gateway = listening();
    network = new Cell<NetworkView>({ at: "waiting" });
    isolation = new Cell<IsolationView>({ at: "unverified" });
    [orders, applies, reports, verified] = [[], [], [], 0];
  });
  afterEach(async () => {
    stop.abort();
    await settle();
    await running;
  });

  it("is applied as the control plane wants it, closed to every tailnet, and tried from inside", async () => {
    desired.set(desiredState({ egress: { allowedCidrs: ["203.0.113.0/24"], allowPrivateRanges: true } }));
    await begin();
    expect(orders).toEqual([
      {
        tailnet: "closed",
        searchDomains: [],
        egress: { allowedCidrs: ["203.0.113.0/24"], allowPrivateRanges: true },
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
    gateway.update((view) => ({ ...view, open: new Map([["s1", "b1"]]) }));
    await settle();
    gateway.update((view) => ({ ...view, open: new Map() }));
    await settle();
    expect(orders).toHaveLength(1);
  });

  it("moves builds' ranges out of the way of accepted routes once no build runs", async () => {
    gateway.update((view) => ({ ...view, open: new Map([["s1", "b1"]]) }));
    applies = [{ collisions: ["198.18.0.0/15"] }];
    await begin();
    expect(orders[0]?.mayMove).toBe(false);
    gateway.update((view) => ({ ...view, open: new Map() }));
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

  it("is put right again every minute, and tried anew only where something changed", async () => {
    await begin();
    await clock.advance(60_000);
    expect([orders.length, verified]).toEqual([2, 1]);
    applies = [{ resolvers: ["192.0.2.54"] }];
    await clock.advance(60_000);
    expect([orders.length, verified]).toEqual([3, 2]);
    expect(network.get()).toMatchObject({ network: { resolvers: ["192.0.2.54"] } });
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

  it("tells why it cannot be made, tries again, and takes another wish at once", async () => {
    const refused = new AgentError("network.refused", '"x" is no CIDR', { retryable: false });
    applies = [new Error("nft is missing"), refused];
    await begin();
    expect(network.get()).toEqual({ at: "failed", because: "nft is missing" });
    await clock.advance(30_000);
    expect(network.get()).toEqual({ at: "failed", because: '"x" is no CIDR' });
    desired.set(desiredState({ egress: { allowedCidrs: [], allowPrivateRanges: true } }));
    await settle();
    expect(network.get().at).toBe("applied");
    expect(orders).toHaveLength(3);
  });
});

it("has nothing to do where builds have no network", async () => {
  const network = new Cell<NetworkView>({ at: "waiting" });
  await guardNetwork(
    { buildNetwork: undefined, clock: new ManualClock(), log: notebook() },
    {
      desired: new Cell<DesiredState | undefined>(undefined),
      tailnet: new Cell<TailnetView>({ at: "unknown" }),
      gateway: listening(),
      network,
      isolation: new Cell<IsolationView>({ at: "unverified" }),
    },
    new AbortController().signal,
  );
  expect(network.get()).toEqual({ at: "none" });
});
