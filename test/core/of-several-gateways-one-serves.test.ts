import { describe, expect, it } from "vitest";
import { arranged, type GatewayRun, type GatewayRuns } from "../../agent/core/gateways.ts";
import { certifying, type GatewayView, isIdle, openSessions, openThrough } from "../../agent/core/views.ts";

interface Some {
  readonly id: string;
  readonly started: number;
  readonly listening?: boolean;
  readonly retired?: boolean;
  readonly inSight?: boolean;
  readonly open?: readonly string[];
  readonly uncertified?: string;
}

function run({
  id,
  started,
  listening = true,
  retired = false,
  inSight = true,
  open = [],
  uncertified,
}: Some): GatewayRun {
  const sessions = new Map(open.map((session) => [session, `build of ${session}`]));
  const key = uncertified === undefined ? {} : { uncertified };
  return {
    said: { at: "here", runId: id, listening, open: sessions, ...key },
    startedMonoMs: started,
    isRetired: retired,
    isInSight: inSight,
  };
}

function of(...some: readonly Some[]): GatewayRuns {
  return { runs: new Map(some.map((one) => [one.id, run(one)])), isWhole: true };
}

const besideOf = ({ beside }: GatewayView) => beside && [...beside.runIds, beside.isWhole];

describe("of several gateways", () => {
  it.each([
    { what: "the only one", runs: of({ id: "a", started: 1, listening: false }), one: "a", retire: [] },
    {
      what: "the old one, while the new one does not listen yet",
      runs: of({ id: "a", started: 1 }, { id: "b", started: 2, listening: false }),
      one: "a",
      retire: [],
    },
    {
      what: "the new one, once it listens",
      runs: of({ id: "a", started: 1 }, { id: "b", started: 2 }),
      one: "b",
      retire: ["a"],
    },
    {
      what: "the new one, of which the old one has heard already",
      runs: of({ id: "b", started: 2 }, { id: "a", started: 1, listening: false, retired: true }),
      one: "b",
      retire: [],
    },
    {
      what: "the youngest of three, and both others go",
      runs: of({ id: "b", started: 2 }, { id: "c", started: 3 }, { id: "a", started: 1 }),
      one: "c",
      retire: ["b", "a"],
    },
    {
      what: "the new one, when the old one is out of sight",
      runs: of({ id: "a", started: 1, inSight: false }, { id: "b", started: 2, listening: false }),
      one: "b",
      retire: [],
    },
  ])("$what is the one", ({ runs, one, retire }) => {
    const { view, toRetire } = arranged(runs, "before");
    expect(view).toMatchObject({ at: "here", runId: one });
    expect(toRetire).toEqual(retire);
  });

  it("one that only finishes is never the one: without another the gateway is away", () => {
    const { view } = arranged(of({ id: "a", started: 1, retired: true, open: ["s"] }), "b");
    expect(view).toMatchObject({ at: "away", runId: "b" });
    expect(besideOf(view)).toEqual(["a", true]);
    expect(openSessions(view)).toBeUndefined();
  });

  it("sessions of all count, and none is idle while one of them is not, or is out of sight", () => {
    const young = { id: "b", started: 2 };
    const busy = arranged(of({ id: "a", started: 1, retired: true, open: ["s", "t"] }, young), "").view;
    expect([openSessions(busy), isIdle(busy)]).toEqual([2, false]);
    const hidden = arranged(of({ id: "a", started: 1, retired: true, inSight: false, open: ["s"] }, young), "").view;
    expect([openSessions(hidden), isIdle(hidden)]).toEqual([undefined, false]);
    expect(hidden.at === "here" && [...openThrough(hidden).keys()]).toEqual(["s"]);
    const idle = arranged(of({ id: "a", started: 1, retired: true }, young), "").view;
    expect([openSessions(idle), isIdle(idle)]).toEqual([0, true]);
  });

  it("nothing is idle before all places were looked at", () => {
    const { view } = arranged({ ...of({ id: "a", started: 1 }), isWhole: false }, "");
    expect([openSessions(view), isIdle(view)]).toEqual([undefined, false]);
  });

  it("the key of the next one is the one that waits for a certificate, until that is on its way", () => {
    const runs = of({ id: "a", started: 1 }, { id: "b", started: 2, listening: false, uncertified: "k" });
    const { view } = arranged(runs, "");
    expect(view).toMatchObject({ runId: "a", next: { runId: "b", uncertified: "k" } });
    expect(certifying(view, "other")).toBe(view);
    const certified = certifying(view, "k");
    expect(certified.at === "here" && certified.next).not.toHaveProperty("uncertified");
  });
});
