import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { Secret } from "../../agent/core/secret.ts";
import { isGuarded, type OrderedTraces, tracePlan } from "../../agent/core/traces/target.ts";
import { type TracesView, withProgress } from "../../agent/core/traces/view.ts";
import { FIXED, NOW, WELL } from "../core/sample.ts";

const OWN = { sessionPercent: 100 };
const ORDER: OrderedTraces = {
  otlpEndpoint: "https://collector.example:4318/otlp/",
  headers: new Map([["Authorization", new Secret("Bearer t")]]),
  sessionPercent: 20,
};
const order = (over: Partial<OrderedTraces>): OrderedTraces => ({ ...ORDER, ...over });

describe("where spans go", () => {
  it("goes where the control plane orders, if this machine says nothing", () => {
    expect(tracePlan(OWN, ORDER)).toEqual({
      at: "to",
      target: {
        url: "https://collector.example:4318/otlp/v1/traces",
        shown: "https://collector.example:4318",
        from: "control-plane",
        headers: { given: ORDER.headers },
        sessionPercent: 20,
        guarded: true,
      },
    });
  });

  it("goes where this machine says, with nothing of what is ordered: neither headers nor CA nor share", () => {
    const own = { ...OWN, otlpEndpoint: "http://127.0.0.1:4318" };
    expect(tracePlan(own, order({ caPem: "ca" }))).toEqual({
      at: "to",
      target: {
        url: "http://127.0.0.1:4318/v1/traces",
        shown: "http://127.0.0.1:4318",
        from: "configuration",
        headers: { given: new Map() },
        sessionPercent: 100,
        guarded: false,
      },
    });
  });

  it.each([
    { own: { otlpEndpoint: "none" }, ordered: ORDER, at: "off" },
    { own: {}, ordered: null, at: "off" },
    { own: {}, ordered: undefined, at: "waiting" },
  ])("$own, ordered $ordered: $at", ({ own, ordered, at }) => {
    expect(tracePlan({ ...OWN, ...own }, ordered).at).toBe(at);
  });
});

describe("what a control plane may not order", () => {
  it.each([
    "http://collector.example:4318",
    "https://user:word@collector.example",
    "https://collector.example/?key=1",
    "https://collector.example/#x",
    "ftp://collector.example",
    "https://localhost:9464",
    "https://gateway.localhost",
    "https://127.0.0.1:9464",
    "https://0x7f.1",
    "https://2130706433",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:a9fe:a9fe]",
    "https://169.254.169.254",
    "https://[fd00:ec2::254]",
    "https://[fe80::1]",
    "https://168.63.129.16",
    "https://100.100.100.200",
    "https://0.0.0.0",
    "",
  ])("%s is refused, and nothing is sent", (otlpEndpoint) => {
    expect(tracePlan(OWN, order({ otlpEndpoint }))).toMatchObject({ at: "refused" });
  });

  it.each(["Host", "content-length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "a b", "x:y", ""])(
    "a header named %j is refused, and its value is not told",
    (name) => {
      const plan = tracePlan(OWN, order({ headers: new Map([[name, new Secret("hidden-word")]]) }));
      expect(plan.at).toBe("refused");
      expect(JSON.stringify(plan)).not.toContain("hidden-word");
    },
  );

  it.each(["10.0.0.7", "192.0.2.7", "2001:db8::7"])("an address such as %s may be a collector's", (address) => {
    expect(isGuarded(address)).toBe(false);
  });

  it.each(["127.0.0.1", "169.254.170.2", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "224.0.0.1", "no address"])(
    "%s is refused when a name leads there",
    (address) => expect(isGuarded(address)).toBe(true),
  );
});

describe("the check", () => {
  const look = (traces: TracesView) => examined({ ...WELL, traces }, NOW, FIXED).find(({ name }) => name === "traces");
  const to = "https://collector.example";

  it.each<{ readonly view: TracesView; readonly state: string; readonly says: RegExp }>([
    { view: { at: "waiting" }, state: "unknown", says: /has not said yet/ },
    { view: { at: "off", because: "nobody names one" }, state: "ok", says: /nobody names one/ },
    { view: { at: "refused", because: "it leads to ::1" }, state: "failed", says: /it leads to ::1/ },
    { view: { at: "sending", to }, state: "unknown", says: /Nothing was sent/ },
    { view: { at: "sending", to, lastAcceptedMs: 0 }, state: "ok", says: /the last at 1970-01-01T00:00:00Z/ },
    {
      view: { at: "sending", to, lastAcceptedMs: 0, failing: "It answered 401" },
      state: "failed",
      says: /does not accept spans, the last at 1970-01-01T00:00:00Z: It answered 401/,
    },
  ])("$view is $state, and never keeps a build out", ({ view, state, says }) => {
    expect(look(view)).toMatchObject({ state, blocking: false, neededByBuilds: false });
    expect(look(view)?.message).toMatch(says);
  });

  it("an export that is accepted as the last one was changes what is shown once a minute, a failure at once", () => {
    const view: TracesView = { at: "sending", to, lastAcceptedMs: 0 };
    expect(withProgress(view, { lastAcceptedMs: 59_000 })).toBe(view);
    expect(withProgress(view, { lastAcceptedMs: 60_000 })).toEqual({ ...view, lastAcceptedMs: 60_000 });
    const failing = "no";
    expect(withProgress(view, { lastAcceptedMs: 1, failing })).toEqual({ ...view, lastAcceptedMs: 1, failing });
  });
});
