import { expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import { examined } from "../../agent/core/checks/examine.ts";
import type { Finding } from "../../agent/core/health.ts";
import type { Known } from "../../agent/core/known.ts";
import type { AppliedNetwork, IsolationReport } from "../../agent/core/network/order.ts";
import { tailnetObserved } from "../../agent/core/tailnet/observed.ts";
import type { TailnetWish } from "../../agent/core/tailnet/wish.ts";
import type { IsolationView, NetworkView, TailnetView } from "../../agent/core/views.ts";
import { membership, tailnetWish } from "../control/tailnet-stand-ins.ts";
import { desiredState, FIXED, NOW, WELL } from "./sample.ts";

/** What the register's check of this name finds on a machine that is well but for `over`. */
function found(name: string, over: Partial<Known>): Finding {
  const finding = examined({ ...WELL, ...over }, NOW, FIXED).find((one) => one.name === name);
  if (finding === undefined) throw new Error(`There is no check ${name}`);
  return finding;
}
const buildNetwork = (network: NetworkView): Finding => found("build-network", { network });
const isolation = (view: IsolationView, network: NetworkView): Finding =>
  found("isolation", { isolation: view, network });
const tailnet = (view: TailnetView, wish: TailnetWish | undefined, network: NetworkView): Finding =>
  found("tailnet", { tailnet: view, network, desired: desiredState(wish && { tailnet: wish }) });

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
const REACHED = {
  what: "instance metadata",
  target: "169.254.169.254:80",
  expected: "refused",
  got: "reached",
} as const;
const amiss = (count: number): IsolationReport => ({
  ...REPORT,
  findings: Array.from({ length: count }, () => ({ ...REACHED, ok: false, detail: "" })),
});

it.each<{ view: NetworkView; state: Finding["state"]; says: RegExp }>([
  { view: { at: "waiting" }, state: "unknown", says: /Waits for the control plane/ },
  { view: { at: "none" }, state: "ok", says: /Builds have no network, as this machine is configured/ },
  { view: { at: "failed", because: "nft is missing" }, state: "failed", says: /as it is wanted: nft is missing/ },
  { view: { at: "applied", network: NETWORK }, state: "ok", says: /198\.18\.0\.0\/22 and fd00:1::\/64, guarded$/ },
  {
    view: { at: "applied", network: { ...NETWORK, families: ["ipv4"] } },
    state: "ok",
    says: /198\.18\.0\.0\/22, since this machine's kernel has no IPv6, guarded$/,
  },
  { view: { at: "applied", network: { ...NETWORK, resolvers: [] } }, state: "ok", says: /so they have no names$/ },
  { view: { at: "applied", network: { ...NETWORK, resolvers: [], tailnet: "open" } }, state: "ok", says: /guarded$/ },
])("build-network, $view.at: $says", ({ view, state, says }) => {
  const finding = buildNetwork(view);
  expect(finding).toMatchObject({ state, blocking: true });
  expect(finding.message).toMatch(says);
});

it("build-network tells for 20 s that somebody changed the guard, and keeps no build out for it", () => {
  const putBack = (agoMs: number, times: number): Finding =>
    buildNetwork({ at: "applied", network: { ...NETWORK, guardPutBack: { atMs: NOW.wallMs - agoMs, times } } });
  expect(putBack(0, 1)).toMatchObject({ state: "failed", blocking: false });
  expect(putBack(0, 1).message).toMatch(/put back at [0-9TZ:.-]+$/);
  expect(putBack(19_999, 3).message).toMatch(/, 3 times since the network was made$/);
  expect(putBack(20_000, 3)).toMatchObject({ state: "ok" });
  expect(putBack(20_000, 3).evidence.join()).toMatch(/put back at .*, 3 times/);
});

it.each<{ view: IsolationView; network?: NetworkView; state: Finding["state"]; says: RegExp }>([
  { view: { at: "unverified" }, network: { at: "none" }, state: "ok", says: /no network/ },
  { view: { at: "unverified" }, state: "unknown", says: /Not tried yet/ },
  { view: { at: "failed", because: "no namespace" }, state: "failed", says: /Could not be tried: no namespace/ },
  { view: { at: "verified", report: REPORT }, state: "ok", says: /tried from inside/ },
  {
    view: { at: "verified", report: amiss(1) },
    state: "failed",
    says: /instance metadata at 169\.254\.169\.254:80 is reached, not refused/,
  },
  { view: { at: "verified", report: amiss(9) }, state: "failed", says: /and 6 more: builder-agent doctor isolation/ },
])("isolation, $view.at: $says", ({ view, network = { at: "applied", network: NETWORK }, state, says }) => {
  const finding = isolation(view, network);
  expect(finding).toMatchObject({ state, blocking: true });
  expect(finding.message).toMatch(says);
});

const OPEN: NetworkView = { at: "applied", network: { ...NETWORK, tailnet: "open" } };
const LEAVING: TailnetView = { at: "leaving", because: "the control plane withdrew the tailnet" };

it.each<{ view: TailnetView; wanted: boolean; state: Finding["state"]; says: RegExp }>([
  { view: { at: "none" }, wanted: false, state: "ok", says: /None is wanted/ },
  { view: { at: "none" }, wanted: true, state: "failed", says: /Not joined yet/ },
  { view: { at: "joining", grantId: "g", progress: "Asking" }, wanted: true, state: "failed", says: /Joining: Asking/ },
  {
    view: { at: "failed", grantId: "g", because: "wrong secret" },
    wanted: true,
    state: "failed",
    says: /Not joined: wrong secret/,
  },
  {
    view: { at: "joined", membership: membership() },
    wanted: true,
    state: "ok",
    says: /builder-m1\.tailnet\.test \(tag:builder\)/,
  },
  { view: LEAVING, wanted: false, state: "ok", says: /withdrew/ },
])("tailnet, $view.at: $says", ({ view, wanted, state, says }) => {
  for (const required of [false, true]) {
    const wish = wanted ? tailnetWish({ required }) : undefined;
    const finding = tailnet(view, wish, OPEN);
    expect(finding).toMatchObject({ state, blocking: wanted && required });
    expect(finding.message).toMatch(says);
  }
});

it("lets nobody in while the network is not tried, or a tailnet that is required is not joined", () => {
  const since = (finding: Finding) => ({ ...finding, sinceMs: 0 });
  const applied: NetworkView = { at: "applied", network: NETWORK };
  const door = (finding: Finding): string => admission({ at: "ready" }, [since(finding)]).at;
  expect(door(isolation({ at: "unverified" }, applied))).toBe("closed");
  expect(door(isolation({ at: "verified", report: REPORT }, applied))).toBe("open");
  expect(door(tailnet({ at: "none" }, tailnetWish({ required: true }), applied))).toBe("closed");
  expect(door(tailnet({ at: "none" }, tailnetWish({ required: false }), applied))).toBe("open");
  // A build that came on that word would find it closed.
  const joined: TailnetView = { at: "joined", membership: membership() };
  expect(door(tailnet(joined, tailnetWish({ required: true }), applied))).toBe("closed");
  expect(door(tailnet(joined, tailnetWish({ required: true }), OPEN))).toBe("open");
  expect(tailnetObserved(joined, applied).tailnet?.state).toBe("joining");
  expect(tailnetObserved(joined, OPEN).tailnet?.state).toBe("joined");
});
