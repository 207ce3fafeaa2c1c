import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NewsReader } from "../../agent/adapters/link/news-reader.ts";
import { helloLines, newsToLine } from "../../agent/adapters/link/news-wire.ts";
import { orderFromLine, orderToLine, type SentOrder } from "../../agent/adapters/link/order-wire.ts";
import type { Grant } from "../../agent/core/allow-set.ts";
import type { SessionOpening, SessionSummary } from "../../agent/core/session.ts";
import type { GatewayNews } from "../../agent/ports/control-link.ts";
import { HELLO } from "./link-rig.ts";

const ms = fc.double({ min: 0, max: Date.UTC(9999, 11, 31), noNaN: true });
const count = fc.maxSafeNat();
const text = fc.string({ unit: "grapheme", maxLength: 30 });
const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const instant = fc.record({ wallMs: ms, monoMs: ms });
const grant: fc.Arbitrary<Grant> = fc.record(
  { buildId: id, orgId: id, projectId: id, expiresAtMs: ms, keySpkiSha256: digest },
  { requiredKeys: ["buildId", "orgId", "projectId", "expiresAtMs"] },
);

const order: fc.Arbitrary<SentOrder> = fc.oneof(
  fc.record({
    is: fc.constant("allow" as const),
    allowSet: fc.record({
      revision: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      epoch: text,
      trustDomain: fc.constant("builds.test"),
      buildCas: fc.array(text, { maxLength: 3 }),
      grants: fc.array(grant).map((grants) => new Map(grants.map((each) => [each.buildId, each]))),
      closed: fc
        .array(fc.tuple(id, fc.constantFrom("ended" as const, "revoked" as const)))
        .map((closed) => new Map(closed)),
      admission: fc.oneof(
        fc.constant({ at: "open" as const }),
        fc.record({ at: fc.constant("closed" as const), because: text }),
      ),
      confirmedAt: instant,
    }),
  }),
  fc.record({ is: fc.constant("confirm" as const), at: instant }),
  fc.record({ is: fc.constant("certify" as const), keySpkiSha256: digest, chainPem: text }),
  fc.constant({ is: "rotate-key" as const }),
  fc.constant({ is: "cut-all" as const }),
  fc.record({ is: fc.constant("acknowledge" as const), sessionIds: fc.array(text) }),
);

const openingFields = {
  sessionId: text,
  build: fc.record({ orgId: id, projectId: id, buildId: id }),
  peer: text,
  certificateSerial: text,
  keySpkiSha256: digest,
  openedAtMs: ms,
};
const opening: fc.Arbitrary<SessionOpening> = fc.record(openingFields);
const summary: fc.Arbitrary<SessionSummary> = fc.record({
  ...openingFields,
  durationMs: ms,
  bytesFromClient: count,
  bytesToClient: count,
  ending: fc.constantFrom("client-closed", "buildkit-error", "ca-withdrawn", "gateway-lost"),
  detail: text,
});
const request = fc.record({ der: fc.uint8Array({ maxLength: 400 }), spkiSha256: digest });

const news: fc.Arbitrary<GatewayNews> = fc.oneof(
  fc.record(
    {
      is: fc.constant("hello" as const),
      runId: text,
      request,
      servingNotAfterMs: ms,
      open: fc.array(opening, { maxLength: 5 }),
      closed: fc.array(summary, { maxLength: 5 }),
    },
    { requiredKeys: ["is", "runId", "request", "open", "closed"] },
  ),
  fc.record({ is: fc.constant("request" as const), request }),
  fc.record({ is: fc.constant("certified" as const), notAfterMs: ms }),
  fc.record({
    is: fc.constant("applied" as const),
    revision: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    epoch: text,
  }),
  fc.record({ is: fc.constant("opened" as const), opening }),
  fc.record({ is: fc.constant("closed" as const), summary }),
  fc.record({ is: fc.constant("cut" as const), sessions: count }),
);

function newsToLines(sent: GatewayNews): readonly string[] {
  return sent.is === "hello" ? [...helloLines(sent)] : [newsToLine(sent)];
}

describe("a line is one message", () => {
  it("from control to the gateway", () => {
    fc.assert(
      fc.property(order, (sent) => {
        const line = orderToLine(sent);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(orderFromLine(line.trimEnd())).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it("from the gateway to control", () => {
    fc.assert(
      fc.property(news, (sent) => {
        const reader = new NewsReader();
        const lines = newsToLines(sent);
        const read = lines.map((line) => reader.read(line.trimEnd()));
        expect(read.slice(0, -1).every((each) => each === undefined)).toBe(true);
        expect(read.at(-1)).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it("but a hello with many records comes in parts, none of them long", () => {
    const [one] = fc.sample(summary, { numRuns: 1, seed: 1 });
    const closed = Array.from({ length: 25_000 }, (_, at) => ({ ...one, sessionId: `s${at}` }) as SessionSummary);
    const open = closed.map(
      ({ durationMs: _1, bytesFromClient: _2, bytesToClient: _3, ending: _4, detail: _5, ...rest }) => rest,
    );
    const lines = newsToLines({ ...HELLO, closed, open });
    expect(lines).toHaveLength(200);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(1_000_000);
    const reader = new NewsReader();
    expect(lines.map((line) => reader.read(line)).at(-1)).toEqual({ ...HELLO, closed, open });
  });

  it("and a hello of an older gateway, in parts of another size, is understood as well", () => {
    const [one] = fc.sample(summary, { numRuns: 1, seed: 1 });
    const reader = new NewsReader();
    const part = JSON.stringify({ v: 1, is: "hello-closed", closed: Array.from({ length: 1_000 }, () => one) });
    expect([reader.read(part), reader.read(part)]).toEqual([undefined, undefined]);
    expect(newsToLines(HELLO).map((line) => reader.read(line))).toMatchObject([{ closed: { length: 2_000 } }]);
  });

  it("but not one that never ends", () => {
    const [one] = fc.sample(summary, { numRuns: 1, seed: 1 });
    const reader = new NewsReader();
    const part = JSON.stringify({ v: 1, is: "hello-closed", closed: Array.from({ length: 20_000 }, () => one) });
    const read = (): void => {
      for (let parts = 0; parts < 20; parts += 1) reader.read(part);
    };
    expect(read).toThrow(expect.objectContaining({ code: "link.malformed" }));
  });
});

describe("what does not parse is refused whole", () => {
  const good = { revision: "1", epoch: "", trustDomain: "t", buildCas: [], grants: [], closed: [] };
  const rest = { admission: { at: "open" }, confirmedAt: { wallMs: 1, monoMs: 1 } };
  const grantOf = (change: object) => ({ buildId: "b", orgId: "o", projectId: "p", expiresAtMs: 1, ...change });
  it.each([
    { what: "no JSON", line: "{" },
    { what: "no version", line: JSON.stringify({ is: "cut-all" }) },
    { what: "another version", line: JSON.stringify({ v: 2, is: "cut-all" }), code: "link.other-version" },
    { what: "an order that nobody knows", line: JSON.stringify({ v: 1, is: "let-all-in" }) },
    { what: "a revision that is a number", line: allow({ revision: 1 }) },
    { what: "a revision below zero", line: allow({ revision: "-1" }) },
    { what: "a build id with a slash", line: allow({ grants: [grantOf({ buildId: "a/b" })] }) },
    { what: "a grant without an end", line: allow({ grants: [grantOf({ expiresAtMs: null })] }) },
    { what: "a key that is no digest", line: allow({ grants: [grantOf({ keySpkiSha256: "" })] }) },
    { what: "a trust domain with a scheme", line: allow({ trustDomain: "spiffe://t" }) },
    { what: "admission of no kind", line: allow({ admission: { at: "ajar" } }) },
  ])("$what", ({ line, code = "link.malformed" }) => {
    expect(() => orderFromLine(line)).toThrow(expect.objectContaining({ code }));
  });

  it("while what was changed into these was good", () => {
    expect(orderFromLine(allow({ grants: [grantOf({})] }))).toMatchObject({ is: "allow" });
  });

  it("and so does any noise, without another kind of error", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"v":1,"is":"allow","allowSet":${json}}`),
        ),
        (line) => {
          expect(() => orderFromLine(line)).toThrow(expect.objectContaining({ name: "AgentError" }));
        },
      ),
    );
  });

  function allow(change: object): string {
    return JSON.stringify({ v: 1, is: "allow", allowSet: { ...good, ...rest, ...change } });
  }
});
