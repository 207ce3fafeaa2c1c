import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAULT_NAMES, type FaultName } from "../../sandbox/metadata/fault-names.ts";
import { EVIDENCE_KINDS, type StoodInKind } from "../../sandbox/metadata/kinds.ts";
import { clearFaults, listFaults, orderFault } from "../../sandbox/metadata/orders.ts";
import { CHALLENGE, FOREVER, KEY } from "../evidence/stage/challenge.ts";
import { refusalOf } from "../evidence/stage/refusal.ts";
import { dial, join } from "../plane/member.ts";
import { StandInSite } from "./stage/stand-in-site.ts";

const KINDS = EVIDENCE_KINDS.filter((kind): kind is StoodInKind => kind !== "join-token");

it.each(KINDS)("takes a machine in by %s, under the policy that the sandbox writes", async (kind) => {
  await using site = await StandInSite.open(kind);
  await using client = dial(site.plane);
  const identity = await join(client, await site.evidence());
  expect(site.plane.machines().map(({ id }) => id)).toEqual([identity.machineId]);
  expect(site.refused).toEqual([]);
});

it.each([
  ["gcp", -2, "expired"],
  ["gcp", 2, "not-yet-valid"],
  ["azure", -8, "expired"],
  ["azure", 2, "not-yet-valid"],
  ["oidc-socket", -2, "expired"],
  ["oidc-socket", 2, "not-yet-valid"],
  ["oidc-url", -2, "expired"],
  ["oidc-url", 2, "not-yet-valid"],
  ["oidc-token", -2, "expired"],
  ["oidc-token", 2, "not-yet-valid"],
] as const)("refuses %s of a platform whose clock is %i h off: %s", async (kind, hours, code) => {
  await using site = await StandInSite.open(kind);
  orderFault(site.standIns, { fault: "clock-offset", byMs: hours * 3_600_000 });
  await using client = dial(site.plane);
  await expect(join(client, await site.evidence())).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  expect(site.refused.join()).toMatch(code === "expired" ? /expired/ : /future/);
});

it.each([-2, 2])("tells a machine of AWS by how much its clock is off from that of STS (%i h)", async (hours) => {
  await using site = await StandInSite.open("aws-web-identity");
  orderFault(site.standIns, { fault: "clock-offset", byMs: hours * 3_600_000 });
  const { message } = await refusalOf((await site.evidence()).gather(CHALLENGE, KEY, FOREVER));
  expect(message).toMatch(/this machine's clock is 7\d\d\d s (?:ahead|behind), set it right/);
});

const ASKED = ["aws-web-identity", "aws-caller-identity", "aws-instance-identity"] as const;
const BOUND = ["aws-web-identity", "gcp", "azure", "oidc-socket", "oidc-url"] as const;
const ALL = [...ASKED, "gcp", "azure", "oidc-socket", "oidc-url"] as const;

/** What the agent says of each fault that a person may order. */
const WORDS: Readonly<Record<Exclude<FaultName, "clock-offset">, RegExp>> = {
  hang: /did not answer within the 5 s that there are/,
  reset: /closed the connection without an answer/,
  truncated: /broke off its answer/,
  halved:
    /no signed JWT|no whole PKCS#7|another audience|no instance identity|without a token|no credentials|\(40[14]\)/,
  page: /text\/html, which is none of its answers|no signed JWT|without Metadata-Flavor/,
  "wrong-type": /image\/png, which is none of its answers/,
  stale: /for another (?:audience|nonce)/,
  drip: /did not end its answer within the 5 s that there are/,
  flood: /more than 64 KiB|text\/plain, which is none of its answers/,
  noise: /not HTTP/,
  redirect: /leads elsewhere, where it is not followed \(302\)/,
  "v1-only": /IMDSv2 only and never falls back to IMDSv1/,
  "hop-limit": /did not answer within the 5 s that there are; is the agent in a container/,
  "expired-token": /\(401\); the session token was its own/,
};
/** Whom a fault concerns: what has no question in it cannot be answered with an earlier one's. */
function concerned(fault: FaultName | number): readonly StoodInKind[] {
  if (fault === "stale") return BOUND;
  return fault === "v1-only" || fault === "hop-limit" || fault === "expired-token" ? ASKED : ALL;
}

describe("each platform", () => {
  let site: StandInSite;
  beforeAll(async () => {
    site = await StandInSite.open("auto");
  });
  afterAll(() => site[Symbol.asyncDispose]());

  it.each([...FAULT_NAMES.filter((name) => name !== "clock-offset"), ...([401, 429, 500] as const)])(
    "with the fault %s is named within 5 s, and nothing is sent; once it is cleared it is believed",
    async (fault) => {
      orderFault(site.standIns, { fault });
      expect(listFaults(site.standIns).some(({ faults }) => faults.length > 0)).toBe(true);
      const kinds = concerned(fault);
      const beganMs = performance.now();
      const messages = await Promise.all(
        kinds.map(
          async (kind) => (await refusalOf((await site.evidence(kind)).gather(CHALLENGE, KEY, FOREVER))).message,
        ),
      );
      expect(performance.now() - beganMs).toBeLessThan(20_000);
      const words = typeof fault === "number" ? new RegExp(`\\(${fault}\\)`) : WORDS[fault];
      expect(messages.filter((message) => !words.test(message))).toEqual([]);
      clearFaults(site.standIns);
      expect(listFaults(site.standIns).flatMap(({ faults }) => faults)).toEqual([]);
      for (const kind of kinds) await (await site.evidence(kind)).gather(CHALLENGE, KEY, FOREVER);
    },
  );
});

it("says what a service cannot have, and by how much a clock is to be off", async () => {
  await using site = await StandInSite.open("gcp");
  expect(() => orderFault(site.standIns, { fault: "v1-only", at: "gcp" })).toThrow("--at imds");
  expect(() => orderFault(site.standIns, { fault: "clock-offset" })).toThrow("--by -1h");
});

it("asks to try again while an issuer's keys cannot be had, and says so to the operator", async () => {
  await using site = await StandInSite.open("gcp");
  orderFault(site.standIns, { fault: 503, at: "jwks" });
  await using client = dial(site.plane);
  await expect(join(client, await site.evidence())).rejects.toMatchObject({ status: "UNAVAILABLE" });
  expect(site.refused.join()).toContain("keys cannot be fetched");
});
