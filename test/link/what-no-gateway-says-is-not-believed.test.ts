import { describe, expect, it } from "vitest";
import { NewsReader } from "../../agent/adapters/link/news-reader.ts";
import { helloLines, newsToLine } from "../../agent/adapters/link/news-wire.ts";
import type { Assignment } from "../../agent/core/desired-state.ts";
import { ownSessions } from "../../agent/core/own-sessions.ts";
import { refusalsTold, refusedLately } from "../../agent/core/refusals-lately.ts";
import { FIRST_BACK_MS, FirstCertificates } from "../../agent/core/renewal.ts";
import type { SessionOpening, SessionSummary } from "../../agent/core/session.ts";
import { HELLO, KEY } from "./link-rig.ts";

const opening: SessionOpening = {
  sessionId: "run-1.1",
  build: { orgId: "acme", projectId: "app", buildId: "b" },
  peer: "192.0.2.1:1",
  certificateSerial: "01",
  keySpkiSha256: KEY,
  openedAtMs: 1,
};
const summary: SessionSummary = {
  ...opening,
  durationMs: 1,
  bytesFromClient: 1,
  bytesToClient: 1,
  ending: "client-closed",
  detail: "",
};
const said = (...lines: readonly string[]): (() => unknown) => {
  const reader = new NewsReader();
  return () => lines.map((line) => reader.read(line)).at(-1);
};
const closed = (change: object): string => newsToLine({ is: "closed", summary: { ...summary, ...change } });
const foreign = { ...summary, build: { orgId: "other", projectId: "app", buildId: "b" } };

describe("a record", () => {
  it.each([
    { what: "of no time that a date can say", change: { openedAtMs: 1e300 } },
    { what: "from before time", change: { openedAtMs: -1 } },
    { what: "after the year 9999, which no timestamp has", change: { openedAtMs: Date.UTC(10_000, 0, 1) } },
    { what: "of no length that is", change: { durationMs: -1 } },
    { what: "of more refused calls than the contract can count", change: { refusedCalls: 2 ** 32 } },
    { what: "of a long name", change: { sessionId: "s".repeat(1_000) } },
    { what: "of a long address", change: { peer: "p".repeat(1_000) } },
    { what: "with an essay", change: { detail: "d".repeat(10_000) } },
    { what: "of a build that can be none", change: { build: { orgId: "a/b", projectId: "p", buildId: "b" } } },
  ])("$what ends the connection, and is kept nowhere", ({ change }) => {
    expect(said(closed({}))).not.toThrow();
    expect(said(closed(change))).toThrow(expect.objectContaining({ code: "link.malformed" }) as Error);
  });

  it("of another project is left out, whatever else is told: a control plane may refuse the whole stream for it", () => {
    const owner: Assignment = { orgId: "acme", projectId: "app", architecture: "amd64" };
    const hello = { is: "hello" as const, open: [opening, foreign], closed: [foreign, summary] };
    expect(ownSessions(hello, owner)).toEqual({
      event: { is: "hello", open: [opening], closed: [summary] },
      foreign: 2,
    });
    expect(ownSessions({ is: "closed", summary: foreign }, owner)).toEqual({ event: undefined, foreign: 1 });
    expect(ownSessions({ is: "opened", opening: foreign }, owner)).toEqual({ event: undefined, foreign: 1 });
    const own = { is: "closed", summary } as const;
    expect(ownSessions(own, owner).event).toBe(own);
  });
});

describe("a connection", () => {
  it("is of one gateway: a second hello ends it", () => {
    const hello = [...helloLines(HELLO)];
    expect(said(...hello, ...hello)).toThrow(/says hello twice/);
    expect(said(...hello, ...helloLines({ ...HELLO, closed: [summary] }))).toThrow(/says hello twice/);
  });

  it("has no more sessions open than a gateway can have", () => {
    const reader = new NewsReader();
    const open = (at: number): void =>
      void reader.read(newsToLine({ is: "opened", opening: { ...opening, sessionId: `run-1.${at}` } }));
    for (let at = 0; at < 65_536; at += 1) open(at);
    expect(() => open(70_000)).toThrow(/sessions open/);
  });
});

it("gateways that come with another key each time cost so many certificates, and one each ten seconds after", () => {
  const firsts = new FirstCertificates();
  const taken = Array.from({ length: 10_000 }, (_, at) => firsts.take(at * 100)).filter(Boolean).length;
  expect(taken).toBe(120 + Math.floor((9_999 * 100) / FIRST_BACK_MS));
});

it("reasons of refusals that nobody knows are one, however many there are", () => {
  const now = (at: number) => ({ wallMs: at, monoMs: at });
  let told = refusalsTold(undefined, { runId: "r", refused: {} }, now(0));
  for (let at = 1; at <= 1_000; at += 1)
    told = refusalsTold(told, { runId: "r", refused: { [`reason-${at}`]: at, "no-grant": at } }, now(at));
  expect(refusedLately(told)).toEqual(expect.arrayContaining([["no-grant", 1_000]]));
  expect(refusedLately(told)).toHaveLength(2);
});
