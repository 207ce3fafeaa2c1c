import { describe, expect, it } from "vitest";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import { Policy } from "../../agent/gateway/policy.ts";
import type { Presented } from "../../agent/gateway/presented.ts";
import type { Anchor, AnchorCa } from "../../agent/ports/peer-reader.ts";
import { allowSet, certificate, grant, NOW, peer } from "../core/sample.ts";
import { WatchedLog } from "./watched-log.ts";

const PRESENTED: Presented = { facts: peer(), chain: [], sent: () => [] };

/** Of CAs that end. */
const CA_ENDS_MS: Readonly<Record<string, number>> = { over: NOW.wallMs, soon: NOW.wallMs + 1, later: NOW.wallMs + 2 };

/**
 * A policy that has these orders; a CA's PEM is its key here, and `key` is that of the CA that a
 * chain is found to lead to.
 */
function policyWith(change: Partial<AllowSet> = {}, key?: string, over: Partial<Anchor> = {}) {
  const log = new WatchedLog();
  const readCa = (pem: string): AnchorCa => {
    if (pem === "unreadable") throw new Error("no certificate");
    return { pem, key: `key of ${pem}`, notAfterMs: CA_ENDS_MS[pem] ?? Infinity, subject: `CN=${pem}` };
  };
  const anchor = key === undefined ? undefined : { key, notAfterMs: Infinity, keys: [], ...over };
  const policy = new Policy(
    { read: () => certificate(), sent: () => [], issuedByTwin: () => false, anchor: () => anchor, readCa },
    log,
  );
  const take = (over: Partial<AllowSet>): void => policy.take(allowSet(over));
  take({ buildCas: ["one", "two"], ...change });
  const admit = () => {
    const judged = policy.judge(PRESENTED, policy.cas, NOW);
    if (!judged.admitted) throw new Error(`refused: ${judged.refusal}`);
    return judged;
  };
  return { policy, log, take, admit };
}

describe("a session", () => {
  it("of which nobody knows on which CA it rests is over as soon as one of them leaves", () => {
    const { policy, take, admit } = policyWith();
    const { grounds } = admit();
    expect(grounds.anchors).toEqual(["key of one", "key of two"]);
    expect(policy.standing(grounds, NOW.wallMs)).toMatchObject({ stands: true });
    take({ buildCas: ["two"] });
    expect(policy.standing(grounds, NOW.wallMs)).toEqual({
      stands: false,
      ending: "ca-withdrawn",
      detail: "revision 7",
    });
  });

  it("that rests on one CA goes on while that one is there, and no longer", () => {
    const { policy, take, admit } = policyWith({}, "key of one");
    const { grounds } = admit();
    take({ buildCas: ["three", "one"] });
    expect(policy.standing(grounds, NOW.wallMs)).toMatchObject({ stands: true });
    take({ buildCas: ["two", "three"] });
    expect(policy.standing(grounds, NOW.wallMs)).toMatchObject({ stands: false, ending: "ca-withdrawn" });
  });

  it("lasts no longer than any certificate of its chain", () => {
    const { policy, take, admit } = policyWith({}, "key of one", { notAfterMs: NOW.wallMs + 5 });
    const { grounds, until } = admit();
    expect(until).toEqual({ endsAtMs: NOW.wallMs + 5, endsBecause: "certificate-expired" });
    take({ buildCas: ["one"], grants: new Map([["b1", grant()]]) });
    expect(policy.standing(grounds, NOW.wallMs + 4)).toMatchObject({ stands: true, endsAtMs: NOW.wallMs + 5 });
    expect(policy.standing(grounds, NOW.wallMs + 5)).toMatchObject({ stands: false, ending: "certificate-expired" });
  });

  it("of which nobody knows its chain lasts no longer than any CA that has not ended", () => {
    expect(policyWith({ buildCas: ["over", "later", "soon"] }).admit().until).toEqual({
      endsAtMs: NOW.wallMs + 1,
      endsBecause: "certificate-expired",
    });
    expect(policyWith({ buildCas: ["one"] }).admit().until.endsAtMs).toBe(grant().expiresAtMs);
  });

  it("does not begin below a CA with a weak key", () => {
    const { policy } = policyWith({}, "key of one", {
      keys: [
        { kind: "rsa", bits: 2048 },
        { kind: "rsa", bits: 1024 },
      ],
    });
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toEqual({
      admitted: false,
      refusal: "key-not-accepted",
      detail: "a CA's key is RSA with 1024 bits",
    });
    const { admit } = policyWith({}, "key of one", { keys: [{ kind: "rsa", bits: 2048 }] });
    expect(admit().admitted).toBe(true);
  });

  it("does not begin without a certificate, and the refusal names those that were asked for", () => {
    const { policy } = policyWith();
    const without: Presented = { facts: { protocol: "TLSv1.3", sessionReused: false }, chain: [], sent: () => [] };
    expect(policy.judge(without, policy.cas, NOW)).toEqual({
      admitted: false,
      refusal: "no-certificate",
      detail: "the client has none, or none that was issued below: CN=one; CN=two",
    });
  });

  it("has its build, its certificate and its end from the verdict", () => {
    expect(policyWith({}, "key of one").admit()).toEqual({
      admitted: true,
      grounds: {
        build: { orgId: "acme", projectId: "app", buildId: "b1" },
        certificate: certificate(),
        anchors: ["key of one"],
      },
      until: { endsAtMs: grant().expiresAtMs, endsBecause: "grant-expired" },
    });
  });

  it("is over where there are no orders at all", () => {
    const { grounds } = policyWith().admit();
    const empty = new Policy(
      { read: () => certificate(), sent: () => [], issuedByTwin: () => false, anchor: () => undefined, readCa: never },
      new WatchedLog(),
    );
    expect(empty.standing(grounds, NOW.wallMs)).toEqual({
      stands: false,
      ending: "build-ended",
      detail: "there is no policy",
    });
  });
});

describe("a newcomer", () => {
  it("is refused before there are orders, whatever is said of the door or the time", () => {
    const policy = new Policy(
      { read: () => certificate(), sent: () => [], issuedByTwin: () => false, anchor: () => undefined, readCa: never },
      new WatchedLog(),
    );
    policy.shut("a full disk");
    policy.confirm(NOW);
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ admitted: false, refusal: "no-view" });
  });

  it("whose chain we cannot follow is refused if the CAs changed under its handshake, and only then", () => {
    const { policy, take } = policyWith();
    const before = policy.cas;
    take({ buildCas: ["one", "two"] });
    expect(policy.cas).toBe(before);
    expect(policy.judge(PRESENTED, before, NOW)).toMatchObject({ admitted: true });
    take({ buildCas: ["two", "one"] });
    expect(policy.judge(PRESENTED, before, NOW)).toEqual({
      admitted: false,
      refusal: "chain-not-trusted",
      detail: "the trust bundle changed during the handshake",
    });
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ admitted: true });
  });

  it("whose chain we can follow is let in though the CAs changed under its handshake", () => {
    const { policy, take } = policyWith({}, "key of two");
    const before = policy.cas;
    take({ buildCas: ["two", "three"] });
    expect(policy.judge(PRESENTED, before, NOW)).toMatchObject({
      admitted: true,
      grounds: { anchors: ["key of two"] },
    });
  });

  it("is refused after the door was shut, until the next orders", () => {
    const { policy, take } = policyWith();
    policy.shut("a full disk");
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ refusal: "not-admitting", detail: "a full disk" });
    take({ buildCas: ["one", "two"] });
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ admitted: true });
  });

  it("is let in again once an old view is confirmed", () => {
    const old = { wallMs: NOW.wallMs - 300_001, monoMs: NOW.monoMs - 300_001 };
    const { policy } = policyWith({ confirmedAt: old });
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ refusal: "view-too-old" });
    policy.confirm(NOW);
    expect(policy.judge(PRESENTED, policy.cas, NOW)).toMatchObject({ admitted: true });
  });
});

describe("the CAs in force", () => {
  it("are those that can be read; the others are logged", () => {
    const { policy, log, take } = policyWith();
    take({ buildCas: ["unreadable", "two"] });
    expect(policy.cas).toMatchObject([{ pem: "two", key: "key of two" }]);
    expect(log.all).toMatchObject([{ level: "error", event: "policy.ca-unreadable" }]);
  });

  it.each([
    { of: "one is added", buildCas: ["one", "two", "three"] },
    { of: "one leaves", buildCas: ["one"] },
    { of: "one takes the place of another", buildCas: ["one", "three"] },
  ])("are another list when $of, and those that stay are the same objects", ({ buildCas }) => {
    const { policy, take } = policyWith();
    const before = policy.cas;
    take({ buildCas });
    expect(policy.cas).not.toBe(before);
    expect(policy.cas.map(({ pem }) => pem)).toEqual(buildCas);
    expect(policy.cas[0]).toBe(before[0]);
  });
});

function never(): never {
  throw new Error("there is no CA to read");
}

it("which orders are in force is known from the first ones on, and stays known while the door is shut", () => {
  const { policy, take, log } = policyWith();
  const unordered = new Policy(
    { read: () => certificate(), sent: () => [], issuedByTwin: () => false, anchor: () => undefined, readCa: never },
    log,
  );
  expect(unordered.applied).toBeUndefined();
  expect(policy.applied).toEqual({ revision: 7n, epoch: "e" });
  take({ revision: 8n, epoch: "f" });
  policy.shut("the end");
  expect(policy.applied).toEqual({ revision: 8n, epoch: "f" });
});
