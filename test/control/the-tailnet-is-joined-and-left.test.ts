import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { joinTailnet } from "../../agent/control/tailnet/join.ts";
import type { DesiredState } from "../../agent/core/desired-state.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { Phase } from "../../agent/core/phase.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { TailnetWish } from "../../agent/core/tailnet/wish.ts";
import type { NetworkView, TailnetView } from "../../agent/core/views.ts";
import { Cell } from "../../agent/lifecycle/cell.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { desiredState } from "../core/sample.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { NO_REPORT, notebook } from "./stand-ins.ts";
import { ApiStandIn, membership, NodeStandIn, tailnetWish } from "./tailnet-stand-ins.ts";

const APPLIED = {
  ipv4: "",
  ipv6: "",
  generation: "g",
  resolvers: [],
  localResolvers: [],
  families: ["ipv4", "ipv6"],
  collisions: [],
} as const;
const MACHINE = { machineId: "M1" } as MachineIdentity; // only its name is asked
const UNREACHABLE = new AgentError("tailnet.coordination-unreachable", "https://c does not answer", {
  retryable: true,
});

describe("the tailnet", () => {
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof notebook>;
  let restarted: string[];
  let desired: Cell<DesiredState | undefined>;
  let phase: Cell<Phase>;
  let network: Cell<NetworkView>;
  let tailnet: Cell<TailnetView>;
  let node: NodeStandIn;
  let api: ApiStandIn;
  let running: Promise<void>;
  /** Whether the guard opens once the node has joined. */
  let guardFollows: boolean;
  /** Whether the guard was open when the node left. */
  let openAtLeave: boolean[];

  const begin = async (): Promise<void> => {
    running = joinTailnet(
      { tailnet: { node, api }, meters: { restarted: (process) => void restarted.push(process) }, clock, log },
      { desired, phase, network, tailnet, identity: new Cell<MachineIdentity | undefined>(MACHINE) },
      NO_REPORT,
      stop.signal,
    );
    await settle();
  };
  const wish = async (tailnetWished: TailnetWish | undefined): Promise<void> => {
    desired.set(desiredState(tailnetWished && { tailnet: tailnetWished }));
    await settle();
  };

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    log = notebook();
    restarted = [];
    desired = new Cell<DesiredState | undefined>(undefined);
    phase = new Cell<Phase>({ at: "ready" });
    network = new Cell<NetworkView>({ at: "applied", network: { ...APPLIED, tailnet: "closed" } });
    tailnet = new Cell<TailnetView>({ at: "unknown" });
    guardFollows = true;
    // As the guard's chapter does.
    tailnet.watch(() =>
      network.set({
        at: "applied",
        network: { ...APPLIED, tailnet: guardFollows && tailnet.get().at === "joined" ? "open" : "closed" },
      }),
    );
    node = new NodeStandIn();
    api = new ApiStandIn();
    openAtLeave = [];
    node.onLeave = () => {
      const view = network.get();
      openAtLeave.push(view.at === "applied" && view.network.tailnet === "open");
    };
  });
  afterEach(async () => {
    stop.abort();
    await settle();
    await running;
  });

  it("is joined with a key that was made for it, and left when the control plane withdraws it, guard first", async () => {
    await begin();
    expect(tailnet.get()).toEqual({ at: "none" });
    await wish(tailnetWish());
    expect(api.done).toEqual(["mint tag:builder"]);
    expect(node.done).toEqual(["recall: nothing", "leave", "join grant-1 as builder-m1 with k1"]);
    expect(tailnet.get()).toEqual({ at: "joined", membership: membership() });
    await wish(undefined);
    expect(node.done.slice(3)).toEqual(["leave"]);
    expect(openAtLeave).toEqual([false, false]);
    expect(tailnet.get()).toEqual({ at: "none" });
  });

  it("leaves one and joins the other when another grant is given", async () => {
    await begin();
    await wish(tailnetWish());
    await wish(tailnetWish({ grantId: "grant-2" }));
    expect(node.done.slice(3)).toEqual(["leave", "join grant-2 as builder-m1 with k2"]);
  });

  it("stays as it is when only its being required changes", async () => {
    await begin();
    await wish(tailnetWish());
    await wish(tailnetWish({ required: true }));
    expect(node.done).toHaveLength(3);
  });

  it("takes over what an earlier process left, if it is what is wanted", async () => {
    node.recalled = [membership()];
    await begin();
    expect(tailnet.get().at).toBe("joined");
    await wish(tailnetWish());
    expect(node.done).toEqual(["recall: n1"]);
    // Its device can be removed with the credential of the wish that it was found to fit.
    await wish(undefined);
    expect(api.done).toEqual(["remove n1"]);
  });

  it("leaves what an earlier process left, if it is not wanted any more", async () => {
    node.recalled = [membership()];
    await begin();
    await wish(undefined);
    expect(node.done).toEqual(["recall: n1", "leave"]);
    expect(openAtLeave).toEqual([false]);
  });

  it("leaves what an earlier process left, and joins what is wanted instead", async () => {
    node.recalled = [membership()];
    await begin();
    await wish(tailnetWish({ grantId: "grant-2" }));
    expect(node.done).toEqual(["recall: n1", "leave", "join grant-2 as builder-m1 with k1"]);
    expect(tailnet.get()).toEqual({ at: "joined", membership: membership({ grantId: "grant-2" }) });
  });

  it("is the same node again after its daemon was killed", async () => {
    await begin();
    await wish(tailnetWish());
    node.recalled = [membership()];
    node.now.set(new AgentError("tailnet.daemon-failed", "tailscaled was killed", { retryable: true }));
    await clock.advance(1_000);
    expect(node.done.slice(3)).toEqual(["recall: n1"]);
    expect(tailnet.get().at).toBe("joined");
    expect(log.events).toContain("tailnet.lost");
    expect(restarted).toEqual(["tailscaled"]);
  });

  it("that removed this machine is no restart of its daemon", async () => {
    await begin();
    await wish(tailnetWish());
    node.now.set(new AgentError("tailnet.logged-out", "it was removed from the tailnet", { retryable: true }));
    await clock.advance(1_000);
    expect(log.events).toContain("tailnet.lost");
    expect(restarted).toEqual([]);
  });

  it("joins anew where its daemon left nothing to go on with, after it has cleaned up", async () => {
    await begin();
    await wish(tailnetWish());
    node.now.set(new Error("gone"));
    await clock.advance(1_000);
    expect(node.done.slice(3)).toEqual(["recall: nothing", "leave", "join grant-1 as builder-m1 with k2"]);
  });

  it("of a daemon that joins and dies, again and again, is joined with growing pauses", async () => {
    await begin();
    tailnet.watch(() => {
      if (tailnet.get().at === "joined") node.now.set(new Error("killed"));
    });
    await wish(tailnetWish());
    const joins = (): number => node.done.filter((step) => step.startsWith("join")).length;
    await clock.advance(60_000);
    expect(joins()).toBeLessThan(10);
    const before = joins();
    await clock.advance(60_000);
    expect(joins() - before).toBeLessThanOrEqual(4);
  });

  it("is left after 5 s, though its guard does not close", async () => {
    await begin();
    await wish(tailnetWish());
    guardFollows = false;
    network.set({ at: "applied", network: { ...APPLIED, tailnet: "open" } });
    tailnet.watch(() => network.set({ at: "applied", network: { ...APPLIED, tailnet: "open" } }));
    await wish(undefined);
    await clock.advance(4_999);
    expect(node.done.slice(3)).toEqual([]);
    expect(tailnet.get()).toMatchObject({ at: "leaving" });
    await clock.advance(1);
    expect(node.done.at(-1)).toBe("leave");
    expect(tailnet.get()).toEqual({ at: "none" });
  });

  it("has a minute to be joined, and 20 s to be recalled or left", async () => {
    const hangs = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gave up"))));
    node.recall = hangs;
    await begin();
    await clock.advance(19_999);
    expect(log.events).toEqual([]);
    await clock.advance(1);
    expect(log.events).toEqual(["tailnet.not-recalled", "tailnet.left"]);
    node.joins = ["hangs"];
    await wish(tailnetWish());
    await clock.advance(59_999);
    expect(tailnet.get().at).toBe("joining");
    await clock.advance(1);
    expect(tailnet.get().at).toBe("failed");
    await clock.advance(60_000);
    expect(tailnet.get().at).toBe("joined");
    node.leave = hangs;
    await wish(undefined);
    await clock.advance(19_999);
    expect(tailnet.get().at).toBe("leaving");
    await clock.advance(1);
    expect(tailnet.get().at).toBe("none");
    expect(log.events.at(-1)).toBe("tailnet.not-left");
  });

  it("is asked for, joined, and its device removed, where the grant says that its servers are", async () => {
    await begin();
    await wish(tailnetWish({ apiUrl: "https://api.test", coordinationUrl: "https://c.test" }));
    await wish(undefined);
    expect(api.done).toEqual(["mint tag:builder at https://api.test", "remove n1 at https://api.test"]);
    expect(node.done[2]).toBe("join grant-1 as builder-m1 with k1 at https://c.test");
  });

  it("tells how far its joining is, and keeps why it failed in sight until the next try gets anywhere", async () => {
    const shown: string[] = [];
    tailnet.watch(() => {
      const view = tailnet.get();
      shown.push(view.at === "joining" ? view.progress : view.at);
    });
    node.joins = [UNREACHABLE];
    await begin();
    await wish(tailnetWish());
    await clock.advance(30_000);
    const asked = ["Asking the tailnet's API for a key", "Asking the coordination server"];
    expect(shown.slice(0, 8)).toEqual(["none", "Joining", ...asked, "failed", ...asked, "joined"]);
  });

  it("that lasted is joined again soon, however often it was lost before", async () => {
    await begin();
    await wish(tailnetWish());
    const joins = (): number => node.done.filter((step) => step.startsWith("join")).length;
    for (let loss = 0; loss < 6; loss += 1) {
      node.now.set(new Error("killed"));
      await clock.advance(15_000);
    }
    expect(joins()).toBe(7);
    await clock.advance(60_000);
    node.now.set(new Error("killed"));
    await clock.advance(499);
    expect(joins()).toBe(7);
    await clock.advance(1);
    expect(joins()).toBe(8);
  });

  it("is joined anew where its daemon cannot be asked what it was, after that is told and cleaned up", async () => {
    await begin();
    await wish(tailnetWish());
    node.recalled = [new Error("no socket")];
    node.now.set(new Error("killed"));
    await clock.advance(1_000);
    expect(node.done.slice(3)).toEqual(["leave", "join grant-1 as builder-m1 with k2"]);
    expect(log.events).toContain("tailnet.not-recalled");
    expect(tailnet.get().at).toBe("joined");
  });

  it("is left when this machine is stopping, and never joined again", async () => {
    await begin();
    await wish(tailnetWish());
    phase.set({ at: "stopping", reason: "x" });
    await settle();
    expect(node.done.slice(3)).toEqual(["leave"]);
    await clock.advance(600_000);
    expect(node.done).toHaveLength(4);
    expect(tailnet.get()).toEqual({ at: "none" });
  });

  it("that an earlier process left is left when this machine stops before the control plane has spoken", async () => {
    node.recalled = [membership()];
    await begin();
    expect(node.done).toEqual(["recall: n1"]);
    phase.set({ at: "stopping", reason: "x" });
    await settle();
    expect(node.done).toEqual(["recall: n1", "leave"]);
    expect(tailnet.get()).toEqual({ at: "none" });
  });

  it("is told exactly why it is not joined, and tried again where that can help", async () => {
    node.joins = [UNREACHABLE];
    await begin();
    await wish(tailnetWish());
    expect(tailnet.get()).toEqual({ at: "failed", grantId: "grant-1", because: "https://c does not answer" });
    await clock.advance(30_000);
    expect(tailnet.get().at).toBe("joined");
    expect(api.done).toEqual(["mint tag:builder", "remove n1", "mint tag:builder"]);
  });

  it("tries a key that was handed over only once, until another is", async () => {
    const key = (grantId: string) =>
      tailnetWish({ grantId, credential: { kind: "auth-key", key: new Secret("tskey") } });
    node.joins = [new AgentError("tailnet.key-refused", "expired", { retryable: false })];
    await begin();
    await wish(key("grant-1"));
    await clock.advance(3_600_000);
    expect(node.done.filter((what) => what.startsWith("join"))).toHaveLength(1);
    await wish(key("grant-2"));
    expect(tailnet.get().at).toBe("joined");
  });

  it("asks again every minute where only a person can mend it", async () => {
    api.mints = [new AgentError("tailnet.tag-not-permitted", "tag:x is not permitted", { retryable: false })];
    await begin();
    await wish(tailnetWish());
    await clock.advance(59_000);
    expect(tailnet.get()).toMatchObject({ at: "failed", because: "tag:x is not permitted" });
    await clock.advance(1_000);
    expect(tailnet.get().at).toBe("joined");
  });

  it("gives a join up as soon as it is not wanted any more", async () => {
    node.joins = ["hangs"];
    await begin();
    await wish(tailnetWish());
    expect(tailnet.get()).toEqual({ at: "joining", grantId: "grant-1", progress: "Asking the coordination server" });
    await wish(undefined);
    expect(tailnet.get()).toEqual({ at: "none" });
  });

  it.each([
    { over: { tags: [] }, says: /without a tag/ },
    { over: { tags: ["builder"] }, says: /asks for the tag \\"builder\\"/ },
    { over: { grantId: "" }, says: /without a grant's id/ },
    { over: { credential: { kind: "none" } }, says: /without a credential/ },
  ] satisfies { over: Partial<TailnetWish>; says: RegExp }[])(
    "does not try what cannot be: $says",
    async ({ over, says }) => {
      await begin();
      await wish(tailnetWish(over));
      expect(tailnet.get().at).toBe("failed");
      expect(JSON.stringify(tailnet.get())).toMatch(says);
      expect(api.done).toEqual([]);
    },
  );

  it("accepts subnet routes only once the guard knows of them", async () => {
    guardFollows = false;
    await begin();
    await wish(tailnetWish({ acceptRoutes: true }));
    expect(node.done).not.toContain("accept routes");
    network.set({ at: "applied", network: { ...APPLIED, tailnet: "open" } });
    await settle();
    expect(node.done.at(-1)).toBe("accept routes");
  });

  it("accepts subnet routes, and gives them back, when the control plane wants nothing else than that", async () => {
    await begin();
    await wish(tailnetWish());
    await wish(tailnetWish({ acceptRoutes: true }));
    expect(node.done.filter((what) => what.includes("routes"))).toEqual(["accept routes"]);
    node.now.set(membership({ acceptsRoutes: true }));
    await settle();
    guardFollows = false;
    network.set({ at: "failed", because: "nft is missing" });
    await wish(tailnetWish());
    expect(node.done.filter((what) => what.includes("routes"))).toEqual(["accept routes", "accept no routes"]);
    expect(tailnet.get().at).toBe("joined");
    // Once, at the start.
    expect(node.done.filter((what) => what === "leave")).toHaveLength(1);
  });

  it("tells that the node is lost also while its routes wait for the guard", async () => {
    guardFollows = false;
    await begin();
    await wish(tailnetWish({ acceptRoutes: true }));
    node.now.set(new AgentError("tailnet.daemon-failed", "tailscaled ended", { retryable: true }));
    await settle();
    expect(log.events).toContain("tailnet.lost");
    expect(tailnet.get()).toMatchObject({ at: "joining", progress: "Again: tailscaled ended" });
  });

  it.each([
    { what: "heard of the end: it was only to make sure", loggedOut: true, told: false },
    { what: "did not: the device may stay there", loggedOut: false, told: true },
  ])("tells that a device could not be removed where the coordination server $what", async ({ loggedOut, told }) => {
    await begin();
    await wish(tailnetWish());
    node.left = { loggedOut, nodeId: "n1" };
    api.removalFails = new Error("503");
    await wish(undefined);
    expect(tailnet.get()).toEqual({ at: "none" });
    expect(log.events.includes("tailnet.device-not-removed")).toBe(told);
  });

  it.each([
    { what: "did not hear of the end", loggedOut: false },
    { what: "heard of the end, and may list it all the same", loggedOut: true },
  ])("removes the device by the API where the coordination server $what", async ({ loggedOut }) => {
    await begin();
    await wish(tailnetWish());
    node.left = { loggedOut, nodeId: "n1" };
    await wish(undefined);
    expect(api.done).toEqual(["mint tag:builder", "remove n1"]);
  });
});
