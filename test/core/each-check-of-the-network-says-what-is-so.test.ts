import { expect, it } from "vitest";
import { admission } from "../../agent/core/admission.ts";
import type { Finding } from "../../agent/core/health.ts";
import type { AppliedNetwork, IsolationReport } from "../../agent/core/network/order.ts";
import { buildNetwork, isolation, tailnet } from "../../agent/core/network-checks.ts";
import { tailnetObserved } from "../../agent/core/tailnet/observed.ts";
import type { IsolationView, NetworkView, TailnetView } from "../../agent/core/views.ts";
import { membership, tailnetWish } from "../control/tailnet-stand-ins.ts";

const NETWORK: AppliedNetwork = {
  ipv4: "198.18.0.0/22",
  ipv6: "fd00:1::/64",
  generation: "g1",
  tailnet: "closed",
  resolvers: ["192.0.2.53"],
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

it.each<{ view: NetworkView; ok: boolean; says: RegExp }>([
  { view: { at: "waiting" }, ok: false, says: /Waits for the control plane/ },
  { view: { at: "none" }, ok: true, says: /Builds have no network, as this machine is configured/ },
  { view: { at: "failed", because: "nft is missing" }, ok: false, says: /as it is wanted: nft is missing/ },
  { view: { at: "applied", network: NETWORK }, ok: true, says: /198\.18\.0\.0\/22 and fd00:1::\/64, guarded$/ },
  { view: { at: "applied", network: { ...NETWORK, resolvers: [] } }, ok: true, says: /so they have no names$/ },
  { view: { at: "applied", network: { ...NETWORK, resolvers: [], tailnet: "open" } }, ok: true, says: /guarded$/ },
])("build-network, $view.at: $says", ({ view, ok, says }) => {
  const found = buildNetwork(view);
  expect(found).toMatchObject({ ok, blocking: true });
  expect(found.message).toMatch(says);
});

it.each<{ view: IsolationView; network?: NetworkView; ok: boolean; says: RegExp }>([
  { view: { at: "unverified" }, network: { at: "none" }, ok: true, says: /no network/ },
  { view: { at: "unverified" }, ok: false, says: /Not tried yet/ },
  { view: { at: "failed", because: "no namespace" }, ok: false, says: /Could not be tried: no namespace/ },
  { view: { at: "verified", report: REPORT }, ok: true, says: /tried from inside/ },
  {
    view: { at: "verified", report: amiss(1) },
    ok: false,
    says: /instance metadata at 169\.254\.169\.254:80 is reached, not refused/,
  },
  { view: { at: "verified", report: amiss(9) }, ok: false, says: /and 6 more: builder-agent doctor isolation/ },
])("isolation, $view.at: $says", ({ view, network = { at: "applied", network: NETWORK }, ok, says }) => {
  const found = isolation(view, network);
  expect(found).toMatchObject({ ok, blocking: true });
  expect(found.message).toMatch(says);
});

const OPEN: NetworkView = { at: "applied", network: { ...NETWORK, tailnet: "open" } };
const LEAVING: TailnetView = { at: "leaving", because: "the control plane withdrew the tailnet" };

it.each<{ view: TailnetView; wanted: boolean; ok: boolean; says: RegExp }>([
  { view: { at: "none" }, wanted: false, ok: true, says: /None is wanted/ },
  { view: { at: "none" }, wanted: true, ok: false, says: /Not joined yet/ },
  { view: { at: "joining", grantId: "g", progress: "Asking" }, wanted: true, ok: false, says: /Joining: Asking/ },
  {
    view: { at: "failed", grantId: "g", because: "wrong secret" },
    wanted: true,
    ok: false,
    says: /Not joined: wrong secret/,
  },
  {
    view: { at: "joined", membership: membership() },
    wanted: true,
    ok: true,
    says: /builder-m1\.tailnet\.test \(tag:builder\)/,
  },
  { view: LEAVING, wanted: false, ok: true, says: /withdrew/ },
])("tailnet, $view.at: $says", ({ view, wanted, ok, says }) => {
  for (const required of [false, true]) {
    const wish = wanted ? tailnetWish({ required }) : undefined;
    const found = tailnet(view, wish, OPEN);
    expect(found).toMatchObject({ ok, blocking: wanted && required });
    expect(found.message).toMatch(says);
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
