import { expect, it } from "vitest";
import { CiPlatforms } from "../../../sandbox/ci/platforms/ci-platforms.ts";
import { EXCHANGE_AUDIENCE, type Provider } from "../../../sandbox/control-plane/exchange/trust.ts";
import { exchange, JOBS, sharedScene } from "./scene.ts";

const shared = sharedScene();
const nowS = Math.floor(Date.now() / 1_000);

it.each<{ what: string; provider: Provider; claims?: Record<string, unknown>; audience?: string; code: string }>([
  { what: "another audience", provider: "github", audience: "https://elsewhere.example", code: "audience-mismatch" },
  {
    what: "one of our name, with another id",
    provider: "github",
    claims: { repository_id: "2003" },
    code: "not-allowed",
  },
  { what: "another owner", provider: "github", claims: { repository_owner_id: "1002" }, code: "not-allowed" },
  {
    what: "a pull request, of a fork perhaps",
    provider: "github",
    claims: { event_name: "pull_request" },
    code: "not-allowed",
  },
  {
    what: "a pull request's target",
    provider: "github",
    claims: { event_name: "pull_request_target" },
    code: "not-allowed",
  },
  { what: "no repository id", provider: "github", claims: { repository_id: undefined }, code: "malformed" },
  {
    what: "another project",
    provider: "circleci",
    claims: { "oidc.circleci.com/project-id": "x" },
    code: "not-allowed",
  },
  {
    what: "another organization",
    provider: "circleci",
    claims: { iss: "https://oidc.circleci.com/org/x" },
    code: "issuer-unknown",
  },
  {
    what: "a person in it by SSH",
    provider: "circleci",
    claims: { "oidc.circleci.com/ssh-rerun": true },
    code: "rerun-refused",
  },
  { what: "another organization", provider: "buildkite", claims: { organization_id: "x" }, code: "not-allowed" },
  {
    what: "its organization's name only",
    provider: "buildkite",
    claims: { organization_id: undefined },
    code: "malformed",
  },
  { what: "another pipeline", provider: "buildkite", claims: { pipeline_id: "x" }, code: "not-allowed" },
  { what: "an end that has passed", provider: "github", claims: { iat: nowS - 900, exp: nowS - 120 }, code: "expired" },
  {
    what: "a beginning to come",
    provider: "github",
    claims: { iat: nowS + 600, nbf: nowS + 600, exp: nowS + 900 },
    code: "not-yet-valid",
  },
  {
    what: "an issuer that nobody knows",
    provider: "github",
    claims: { iss: "https://evil.example" },
    code: "issuer-unknown",
  },
  {
    what: "more audiences than one",
    provider: "github",
    claims: { aud: [EXCHANGE_AUDIENCE, "x"] },
    code: "audience-extra",
  },
])("a job of $provider with $what is refused: $code", async ({ provider, claims, audience, code }) => {
  const scene = shared();
  for (const jobs of Object.values(JOBS)) scene.trust(jobs);
  const token = scene.job(provider, claims, audience);
  const { status, json, text, headers } = await exchange(scene.door, token);
  expect({ status, error: json["error"], code: json["code"] }).toEqual({ status: 400, error: "invalid_request", code });
  expect(headers["cache-control"]).toBe("no-store");
  // Neither a word of the token, nor of what would have been taken.
  for (const word of [...token.split("."), "2002", "1001", "push", ...Object.values(JOBS.buildkite).slice(1)])
    expect(text).not.toContain(word);
  const entry = scene.plane.exchange.log.entries().at(-1);
  expect(entry).toMatchObject({ code, source: expect.stringContaining("127.0.0.1") as string, trustIds: [] });
  expect(entry?.reason).not.toBe("");
});

it("where a ref or an environment is named, jobs of others are refused", async () => {
  const scene = shared();
  scene.trust({ ...JOBS.github, refs: ["refs/heads/main"], environments: ["production"] });
  const code = async (claims: Record<string, unknown>) =>
    (await exchange(scene.door, scene.job("github", claims))).json["code"];
  expect(await code({})).toBe("malformed");
  expect(await code({ environment: "staging" })).toBe("not-allowed");
  expect(await code({ environment: "production", ref: "refs/heads/feature" })).toBe("not-allowed");
  expect(await code({ environment: "production" })).toBeUndefined();
});

it("nobody is taken where nobody is trusted, and keys that cannot be had are worth another try", async () => {
  const scene = shared();
  expect((await exchange(scene.door, scene.job())).json["code"]).toBe("kind-not-accepted");
  scene.trust(JOBS.github, { jwksUrl: `${scene.platforms.jwksUrl("github")}/elsewhere` });
  const { status, headers, json } = await exchange(scene.door, scene.job());
  expect({ status, code: json["code"] }).toEqual({ status: 503, code: "keys-unavailable" });
  expect(headers["retry-after"]).toBe("5");
});

it("another CI system that calls itself GitHub is refused, and its keys cannot be trusted beside GitHub's", async () => {
  const scene = shared();
  await using stranger = await CiPlatforms.open();
  scene.trust();
  const { json } = await exchange(scene.door, stranger.token("github", EXCHANGE_AUDIENCE));
  expect(json["code"]).toBe("signature-invalid");
  expect(() => scene.trust(JOBS.github, { jwksUrl: stranger.jwksUrl("github") })).toThrow(
    /keys of https:\/\/token\.actions/,
  );
});

it("of fifty who bring one token at once, one is served", async () => {
  const scene = shared();
  scene.trust();
  const token = scene.job();
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(scene.door, token)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ json }) => json["code"] === "token-used")).toHaveLength(49);
});
