import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MetadataFault } from "../../sandbox/metadata/faults.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { Platforms } from "./stage/platforms.ts";
import { refusalOf } from "./stage/refusal.ts";
import { type AskedKind, source } from "./stage/sources.ts";

let platforms: Platforms;
beforeAll(async () => {
  platforms = await Platforms.open();
});
afterAll(() => platforms[Symbol.asyncDispose]());
beforeEach(() => {
  for (const server of platforms.all) server.faults.clear();
});

type ServerName = "azure" | "fly" | "gcp" | "imds" | "sts" | "url";

/** Every question of every kind, with who is asked. */
const QUESTIONS: readonly (readonly [AskedKind, ServerName, string, RegExp])[] = [
  ["aws-web-identity", "imds", "/latest/api/token", /^EC2's instance metadata service/],
  ["aws-web-identity", "imds", "/latest/meta-data/placement/region", /^EC2's instance metadata service/],
  ["aws-web-identity", "imds", "/latest/meta-data/services/domain", /^EC2's instance metadata service/],
  ["aws-web-identity", "imds", "/latest/meta-data/iam/security-credentials/", /^EC2's instance metadata service/],
  [
    "aws-web-identity",
    "imds",
    "/latest/meta-data/iam/security-credentials/builder",
    /^EC2's instance metadata service/,
  ],
  ["aws-web-identity", "sts", "/", /^STS in eu-central-1/],
  ["aws-caller-identity", "imds", "/latest/api/token", /^EC2's instance metadata service/],
  ["aws-instance-identity", "imds", "/latest/dynamic/instance-identity/document", /^EC2's instance metadata service/],
  ["aws-instance-identity", "imds", "/latest/dynamic/instance-identity/rsa2048", /^EC2's instance metadata service/],
  ["gcp", "gcp", "/computeMetadata/v1/instance/service-accounts/default/identity", /^Google's metadata server/],
  ["azure", "azure", "/metadata/attested/document", /^Azure's instance metadata service/],
  ["oidc-socket", "fly", "/v1/tokens/oidc", /^The platform's token socket/],
  ["oidc-url", "url", "/token", /^The token URL/],
];

const FAULTS: readonly (readonly [string, MetadataFault, boolean, RegExp])[] = [
  ["cuts the connection", { kind: "reset" }, true, /closed the connection without an answer/],
  ["breaks off its answer", { kind: "truncated" }, true, /broke off its answer/],
  ["answers with other bytes than HTTP", { kind: "noise" }, true, /not HTTP/],
  ["answers without end", { kind: "flood" }, true, /more than 64 KiB|text\/plain, which is none of its answers/],
  ["leads elsewhere", { kind: "redirect", to: "http://127.0.0.1:1/" }, false, /leads elsewhere.*\(302\)/],
  ["answers 401", { kind: "status", status: 401 }, true, /\(401\); /],
  ["answers 404", { kind: "status", status: 404 }, false, /\(404\); /],
  ["answers 410", { kind: "status", status: 410 }, true, /is being updated \(410\); /],
  ["answers 418", { kind: "status", status: 418 }, true, /means nothing here \(418\); /],
  ["answers 429", { kind: "status", status: 429 }, true, /is asked too often \(429\); /],
  ["answers 500", { kind: "status", status: 500 }, true, /has a fault of its own \(500\); /],
  ["answers 503", { kind: "status", status: 503 }, true, /has a fault of its own \(503\); /],
  [
    "answers with a picture",
    { kind: "type", type: "image/png" },
    true,
    /answered with image\/png, which is none of its answers/,
  ],
];

describe.each(QUESTIONS)("%s, when %s at %s", (kind, server, path, who) => {
  it.each(FAULTS)("%s, has no evidence and says so", async (_what, fault, retryable, words) => {
    platforms[server].faults.set(path, fault);
    const refusal = await refusalOf(source(kind, platforms).gather(CHALLENGE, KEY, FOREVER));
    expect(refusal.message).toMatch(who);
    expect(refusal.message).toMatch(words);
    expect(refusal.retryable).toBe(retryable);
  });

  it.each([
    ["answers with a page", { kind: "page" }],
    ["answers with half of it", { kind: "halved" }],
  ] as const)("%s, takes it for nothing", async (_what, fault) => {
    platforms[server].faults.set(path, fault);
    const refusal = await refusalOf(source(kind, platforms).gather(CHALLENGE, KEY, FOREVER));
    expect(refusal.message).toMatch(
      // Half a token or a role's name is like a whole one: what is asked with it is refused.
      /which is none of its answers|something that is no|without Metadata-Flavor|without a token|no credentials|\((?:401|404)\)/,
    );
  });
});

describe.each(["aws-web-identity", "gcp", "oidc-socket", "oidc-url", "azure"] as const)("%s", (kind) => {
  it("does not show a token or document that was made for an earlier challenge", async () => {
    for (const server of platforms.all) server.faults.set("*", { kind: "stale" });
    const refusal = await refusalOf(source(kind, platforms).gather(CHALLENGE, KEY, FOREVER));
    expect(refusal.message).toMatch(/for another (audience|nonce)/);
    expect(refusal.retryable).toBe(true);
  });
});

const KINDS: readonly AskedKind[] = [
  "aws-caller-identity",
  "aws-instance-identity",
  "aws-web-identity",
  "azure",
  "gcp",
  "oidc-socket",
  "oidc-url",
];

it.each([
  ["is silent", { kind: "hang" }, "did not answer within the 5 s that there are"],
  ["dribbles", { kind: "drip", everyMs: 2_000 }, "did not end its answer within the 5 s that there are"],
] as const)("waits five seconds in all for what %s, whichever question that is", async (_what, fault, words) => {
  await Promise.all(
    QUESTIONS.map(async ([kind, server, path, who]) => {
      await using own = await Platforms.open();
      own[server].faults.set(path, fault);
      const beganMs = performance.now();
      const { signal } = new AbortController();
      const { message, retryable } = await refusalOf(source(kind, own).gather(CHALLENGE, KEY, signal));
      expect(performance.now() - beganMs).toBeGreaterThan(4_900);
      expect(performance.now() - beganMs).toBeLessThan(20_000);
      expect(message).toMatch(who);
      expect(message).toContain(words);
      expect(retryable).toBe(true);
    }),
  );
});

it.each(KINDS)("%s says that nobody is there", async (kind) => {
  await using gone = await Platforms.open();
  const evidence = source(kind, gone);
  for (const server of gone.all) await server[Symbol.asyncDispose]();
  const refusal = await refusalOf(evidence.gather(CHALLENGE, KEY, FOREVER));
  expect(refusal.message).toMatch(/is not there: (connection refused|there is no such socket); /);
});

it.each(KINDS)(
  "%s stops at once when the agent is told to stop, and that is no failure of the platform",
  async (kind) => {
    for (const server of platforms.all) server.faults.set("*", { kind: "hang" });
    const stop = new AbortController();
    const reason = new Error("told to stop");
    const gathering = source(kind, platforms).gather(CHALLENGE, KEY, stop.signal);
    setTimeout(() => stop.abort(reason), 50);
    await expect(gathering).rejects.toBe(reason);
  },
);
