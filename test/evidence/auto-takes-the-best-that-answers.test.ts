import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { autoEvidence } from "../../agent/adapters/evidence/auto-evidence.ts";
import { evidenceSource } from "../../agent/cli/compose-evidence.ts";
import type { EvidenceSource } from "../../agent/ports/evidence.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { Platforms } from "./stage/platforms.ts";
import { refusalOf } from "./stage/refusal.ts";
import { source } from "./stage/sources.ts";

let platforms: Platforms;
let log: CollectedLog;
beforeEach(async () => {
  platforms = await Platforms.open();
  log = new CollectedLog();
});
afterEach(() => platforms[Symbol.asyncDispose]());

/** As it is composed for the agent. */
function auto(): EvidenceSource {
  const { tokenFile: _file, oidcUrl: _url, ...places } = platforms.places;
  return evidenceSource({ kind: "auto", ...places }, log);
}

const SERVERS = ["fly", "imds", "sts", "gcp", "azure"] as const;

/** Nothing answers but these. */
function only(...answering: readonly (typeof SERVERS)[number][]): void {
  for (const name of SERVERS) platforms[name].faults.set("*", { kind: "status", status: 404 });
  for (const name of answering) platforms[name].faults.clear();
}

describe("auto", () => {
  it.each([
    [["fly"], "oidc-token", "oidc-socket"],
    [["imds", "sts"], "aws-web-identity", "aws-web-identity"],
    [["gcp"], "gcp", "gcp"],
    [["azure"], "azure", "azure"],
    [["imds"], "aws-caller-identity", "aws-caller-identity"],
    [["imds", "sts", "gcp", "azure"], "aws-web-identity", "aws-web-identity"],
    [["azure", "imds"], "azure", "azure"],
  ] as const)("finds that %j answer, takes %s and says which", async (answering, evidence, kind) => {
    only(...answering);
    const gathered = await auto().gather(CHALLENGE, KEY, FOREVER);
    expect(gathered.kind).toBe(evidence);
    expect(log.lines).toMatchObject([{ level: "info", event: "identity.evidence-found", data: { kind } }]);
  });

  it("does not wait for what is worse than what it has", async () => {
    platforms.imds.faults.set("*", { kind: "hang" });
    const sources = [source("oidc-socket", platforms), source("aws-web-identity", platforms, 10 * 60_000)];
    const gathered = await autoEvidence({ sources, log }).gather(CHALLENGE, KEY, FOREVER);
    expect(gathered.kind).toBe("oidc-token");
  });

  it("gives up within two seconds, and says what was asked and what each answered", async () => {
    only();
    platforms.imds.faults.set("*", { kind: "hang" });
    platforms.gcp.faults.set("*", { kind: "reset" });
    platforms.azure.faults.set("*", { kind: "page" });
    const beganMs = performance.now();
    const { message, retryable } = await refusalOf(auto().gather(CHALLENGE, KEY, FOREVER));
    expect(performance.now() - beganMs).toBeGreaterThan(1_900);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    expect(message).toMatch(/^No platform says within 2 s which machine this is; set identity\.kind, if one should\. /);
    expect(message).toMatch(
      /oidc-socket: The platform's token socket \(POST unix:\/\S+fly\.sock:\/v1\/tokens\/oidc\) .*\(404\)/,
    );
    expect(message).toMatch(/aws-web-identity: .*\/latest\/api\/token\) did not answer within the 2 s that there are/);
    expect(message).toMatch(/gcp: .*closed the connection without an answer/);
    expect(message).toMatch(/azure: .*answered with text\/html, which is none of its answers/);
    expect(message).toMatch(/aws-caller-identity: .*did not answer within the 2 s/);
    expect(retryable).toBe(true);
    expect(log.lines).toEqual([]);
  });

  it("never takes the instance identity document, which is bound to nothing", async () => {
    only("imds");
    platforms.imds.faults.set("/latest/meta-data/iam/security-credentials/", { kind: "status", status: 404 });
    await refusalOf(auto().gather(CHALLENGE, KEY, FOREVER));
    const asked = platforms.imds.requests().map(({ path }) => path);
    expect(asked).not.toContainEqual(expect.stringContaining("instance-identity"));
  });

  it("stops at once when the agent is told to stop", async () => {
    for (const name of SERVERS) platforms[name].faults.set("*", { kind: "hang" });
    const stop = new AbortController();
    const reason = new Error("told to stop");
    const gathering = auto().gather(CHALLENGE, KEY, stop.signal);
    setTimeout(() => stop.abort(reason), 50);
    await expect(gathering).rejects.toBe(reason);
  });
});
