import { describe, expect, it } from "vitest";
import { examined } from "../../agent/core/checks/examine.ts";
import { refusedConnections } from "../../agent/core/checks/refused-connections.ts";
import { type RefusalsLately, refusalRemedy, refusalsTold } from "../../agent/core/refusals-lately.ts";
import { TURNED_AWAY } from "../../agent/core/turned-away.ts";
import { FIXED, NOW, WELL } from "./sample.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** A gateway whose counters rise; it tells them every few seconds, as the real one does. */
class Telling {
  readonly #counters: Record<string, number> = {};
  #runId = "g1";
  #nowMs = 0;
  view: RefusalsLately | undefined;

  constructor() {
    this.after(0, {});
  }

  after(ms: number, refused: Readonly<Record<string, number>>): this {
    this.#nowMs += ms;
    for (const [reason, count] of Object.entries(refused))
      this.#counters[reason] = (this.#counters[reason] ?? 0) + count;
    return this.#tell();
  }

  startAgain(): this {
    this.#runId += "'";
    for (const reason of Object.keys(this.#counters)) delete this.#counters[reason];
    return this.#tell();
  }

  quiet(ms: number): this {
    for (let left = ms; left > 0; left -= 15 * SECOND_MS) this.after(15 * SECOND_MS, {});
    return this;
  }

  #tell(): this {
    const now = { wallMs: NOW.wallMs + this.#nowMs, monoMs: NOW.monoMs + this.#nowMs };
    this.view = refusalsTold(this.view, { runId: this.#runId, refused: { ...this.#counters } }, now);
    return this;
  }
}

const check = ({ view }: Telling, over: Partial<typeof WELL> = {}) =>
  examined({ ...WELL, ...over, refusals: view }, NOW, FIXED, [refusedConnections])[0];

describe("connections that the gateway turns away", () => {
  it("are told by reason, the most frequent first, with what to do about that one", () => {
    const telling = new Telling().after(2_000, { "chain-not-trusted": 1_200, "certificate-expired": 4, "not-tls": 7 });
    expect(check(telling)).toMatchObject({
      state: "failed",
      blocking: false,
      message: "Clients are refused: chain-not-trusted",
      remedy: refusalRemedy("chain-not-trusted"),
      evidence: [
        "1,211 refused within 10 min: 1,200 × chain-not-trusted, 7 × not-tls, 4 × certificate-expired",
        "counted since 2026-11-21T12:00:00Z",
      ],
    });
  });

  it("by scanners, load balancers and builds that are over never warn, however many there are", () => {
    const usual = ["no-certificate", "not-tls", "protocol-too-old", "no-common-alpn", "tcp-probe", "handshake-timeout"];
    const more = ["handshake-abandoned", "handshake-failed", "handshake-too-large", "build-ended", "build-revoked"];
    const telling = new Telling();
    for (let minute = 0; minute < 30; minute += 1)
      telling.after(MINUTE_MS, Object.fromEntries([...usual, ...more].map((reason) => [reason, 10_000])));
    expect(check(telling)).toMatchObject({ state: "ok", remedy: "" });
    expect(check(telling)?.evidence[0]).toMatch(/^1,\d{3},\d{3} refused within 10 min: \d+,000 × /);
  });

  it("because of another check's failure are left to that check", () => {
    const telling = new Telling().after(1_000, { "view-too-old": 500, "no-view": 500, "not-admitting": 500 });
    expect(check(telling)?.state).toBe("ok");
  });

  it.each([
    { reason: "no-grant", few: 4, enough: 5 },
    { reason: "serving-certificate-not-trusted", few: 4, enough: 5 },
    { reason: "displaced-by-newer", few: 99, enough: 100 },
    { reason: "too-many-connections", few: 99, enough: 100 },
  ])("for $reason are worth a look from $enough within ten minutes", ({ reason, few, enough }) => {
    expect(check(new Telling().after(1_000, { [reason]: few }))?.state).toBe("ok");
    expect(check(new Telling().after(1_000, { [reason]: enough }))?.state).toBe("failed");
  });

  it("at a rate that hovers do not come and go", () => {
    const telling = new Telling();
    const turns: unknown[] = [];
    for (let step = 0; step < 120; step += 1) {
      telling.after(MINUTE_MS, step % 2 === 0 ? { "no-grant": 1 } : {});
      const state = check(telling)?.state;
      if (turns.at(-1) !== state) turns.push(state);
    }
    expect(turns).toEqual(["ok", "failed"]);
  });

  it("are over ten minutes after the last", () => {
    const telling = new Telling().after(1_000, { "no-grant": 50 });
    expect(check(telling.quiet(9 * MINUTE_MS))?.state).toBe("failed");
    expect(check(telling.quiet(MINUTE_MS))).toMatchObject({ state: "ok" });
    expect(check(telling)?.evidence[0]).toBe("no connection refused within 10 min");
  });

  it("before control was there are no news; a gateway that starts anew counts from nothing", () => {
    const first = refusalsTold(undefined, { runId: "g1", refused: { "no-grant": 900 } }, NOW);
    expect(first).toMatchObject({ slots: [], amiss: [] });
    const telling = new Telling().after(1_000, { "no-grant": 4 }).startAgain();
    expect(check(telling)?.state).toBe("ok");
    expect(check(telling.after(1_000, { "no-grant": 1 }))?.state).toBe("failed");
  });

  it("are not known while the gateway is away, or has not told", () => {
    const away = { gateway: { at: "away", runId: "g1" } } as const;
    expect(check(new Telling().after(1_000, { "no-grant": 50 }), away)?.state).toBe("unknown");
    expect(examined({ ...WELL, refusals: undefined }, NOW, FIXED, [refusedConnections])[0]?.state).toBe("unknown");
  });

  it("hold no more than a handful of figures, whatever comes", () => {
    const telling = new Telling();
    for (let step = 0; step < 2_000; step += 1)
      telling.after(2_000, Object.fromEntries(TURNED_AWAY.map((reason) => [reason, 1])));
    expect(telling.view?.slots.length).toBeLessThanOrEqual(20);
  });
});
