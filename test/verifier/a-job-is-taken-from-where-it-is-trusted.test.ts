import { expect, it } from "vitest";
import { MemoryNonces, MemorySpentTokens, type Trust, Verifier } from "../../verifier/src/index.ts";
import { NOW_MS, NOW_S } from "./authorities/clock.ts";
import { Issuer, type Json } from "./authorities/issuer.ts";

const AUDIENCE = "https://plane.example";
const github = new Issuer("https://token.actions.githubusercontent.com", "gh-1");
const circleci = new Issuer("https://oidc.circleci.com/org/org-1", "cc-1");
const buildkite = new Issuer("https://agent.buildkite.com", "bk-1");
const common = { audience: AUDIENCE, isSingleUse: false };
const ofGithub = { ...common, kind: "github", keys: github.jwks, owners: ["1001"], repositories: ["2002"] } as const;
const ofCircleci = {
  ...common,
  ...({ kind: "circleci", keys: circleci.jwks, organization: "org-1" } as const),
  ...{ projects: ["p-1"], allowsSshRerun: false },
};
const ofBuildkite = {
  ...common,
  ...({ kind: "buildkite", keys: buildkite.jwks } as const),
  ...{ organizations: ["org-1"], pipelines: ["pipe-1"] },
};
const TIMES = { aud: AUDIENCE, iat: NOW_S, exp: NOW_S + 300 };

const tokens = {
  github: (changes: Json) =>
    github.token({ ...TIMES, iss: github.name, repository_owner_id: "1001", repository_id: "2002", ...changes }),
  circleci: (changes: Json) =>
    circleci.token({ ...TIMES, iss: circleci.name, "oidc.circleci.com/project-id": "p-1", ...changes }),
  buildkite: (changes: Json) =>
    buildkite.token({ ...TIMES, iss: buildkite.name, organization_id: "org-1", pipeline_id: "pipe-1", ...changes }),
};

async function verified(jwt: string, trusts: readonly Trust[]) {
  const now = () => NOW_MS;
  const fetch = () => Promise.reject(new Error("nobody is asked"));
  const parts = { now, nonces: new MemoryNonces({ now }), spent: new MemorySpentTokens({ now }), fetch };
  // Of whatever CI system it is.
  return new Verifier(parts).verifyJob({ jwt }, { trusts });
}

async function outcome(jwt: string, ...trusts: readonly Trust[]): Promise<string> {
  const verdict = await verified(jwt, trusts);
  return verdict.verdict === "refused" ? verdict.code : "verified";
}

const MAIN = "refs/heads/main";
const ofMain: Trust = { ...ofGithub, refs: [MAIN], environments: ["production"] };

it.each<{ what: string; token: string; trust: Trust; expected: string }>([
  {
    what: "the ref and environment",
    token: tokens.github({ ref: MAIN, environment: "production" }),
    trust: ofMain,
    expected: "verified",
  },
  {
    what: "another ref",
    token: tokens.github({ ref: "refs/heads/x", environment: "production" }),
    trust: ofMain,
    expected: "not-allowed",
  },
  {
    what: "another environment",
    token: tokens.github({ ref: MAIN, environment: "staging" }),
    trust: ofMain,
    expected: "not-allowed",
  },
  { what: "no environment", token: tokens.github({ ref: MAIN }), trust: ofMain, expected: "malformed" },
  { what: "no ref", token: tokens.github({ environment: "production" }), trust: ofMain, expected: "malformed" },
  {
    what: "the ref",
    token: tokens.circleci({ "oidc.circleci.com/vcs-ref": MAIN }),
    trust: { ...ofCircleci, refs: [MAIN] },
    expected: "verified",
  },
  {
    what: "another ref",
    token: tokens.circleci({ "oidc.circleci.com/vcs-ref": "refs/heads/x" }),
    trust: { ...ofCircleci, refs: [MAIN] },
    expected: "not-allowed",
  },
  {
    what: "the branch",
    token: tokens.buildkite({ build_branch: "main" }),
    trust: { ...ofBuildkite, branches: ["main"] },
    expected: "verified",
  },
  {
    what: "a stranger's branch",
    token: tokens.buildkite({ build_branch: "stranger:main" }),
    trust: { ...ofBuildkite, branches: ["main"] },
    expected: "not-allowed",
  },
])("a job of $trust.kind with $what: $expected", async ({ token, trust, expected }) => {
  expect(await outcome(token, trust)).toBe(expected);
});

it("takes GitHub's tokens, which live for six hours, and no longer ones, nor the others' for so long", async () => {
  const times = (seconds: number): Json => ({ exp: NOW_S + seconds });
  expect(await outcome(tokens.github(times(21_600)), ofGithub)).toBe("verified");
  expect(await outcome(tokens.github(times(21_601)), ofGithub)).toBe("lifetime-too-long");
  expect(await outcome(tokens.circleci(times(3_600)), ofCircleci)).toBe("verified");
  expect(await outcome(tokens.circleci(times(3_601)), ofCircleci)).toBe("lifetime-too-long");
  expect(await outcome(tokens.buildkite(times(3_601)), ofBuildkite)).toBe("lifetime-too-long");
});

it("names every trust that takes the job, and none beside", async () => {
  const [one, other, wrong]: Trust[] = [{ ...ofGithub }, { ...ofGithub, refs: [MAIN] }, { ...ofGithub, owners: ["x"] }];
  const verdict = await verified(tokens.github({ ref: MAIN }), [ofBuildkite, wrong, one, other] as Trust[]);
  expect(verdict.verdict === "verified" && verdict.trusts).toEqual([one, other]);
  expect(verdict.verdict === "verified" && verdict.trusts[0]).toBe(one);
});

it("a job that one trust's keys prove is proved to no trust with other keys", async () => {
  const stranger = new Issuer(github.name, "gh-1");
  const lenient: Trust = { ...ofGithub, keys: stranger.jwks, repositories: ["none"] };
  const forged = stranger.token({ ...TIMES, iss: github.name, repository_owner_id: "1001", repository_id: "2002" });
  expect(await outcome(forged, lenient, ofGithub)).toBe("not-allowed");
});
