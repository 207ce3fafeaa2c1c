import { expect, it } from "vitest";
import { type JobEvidence, MemoryNonces, MemorySpentTokens, type Trust, Verifier } from "../../verifier/src/index.ts";
import { NOW_MS, NOW_S } from "./authorities/clock.ts";
import { Issuer, type Json } from "./authorities/issuer.ts";

const AUDIENCE = "https://plane.example/oidc/token";
const github = new Issuer("https://token.actions.githubusercontent.com", "gh-1");
const circleci = new Issuer("https://oidc.circleci.com/org/0a0b0c0d-0000-4000-8000-00000000000a", "cc-1");
const buildkite = new Issuer("https://agent.buildkite.com", "bk-1");
const TIMES = { iat: NOW_S, exp: NOW_S + 300 };

const common = { audience: AUDIENCE, isSingleUse: true };
const trusts: readonly Trust[] = [
  { ...common, kind: "github", keys: github.jwks, owners: ["1001"], repositories: ["2002"], events: ["push"] },
  {
    ...common,
    kind: "circleci",
    keys: circleci.jwks,
    organization: "0a0b0c0d-0000-4000-8000-00000000000a",
    projects: ["0a0b0c0d-0000-4000-8000-00000000000b"],
    allowsSshRerun: false,
  },
  { ...common, kind: "buildkite", keys: buildkite.jwks, organizations: ["org-1"], pipelines: ["pipe-1"] },
];

const claims = {
  github: {
    iss: github.name,
    aud: AUDIENCE,
    sub: "repo:acme@1001/app@2002:ref:refs/heads/main",
    ...TIMES,
    repository: "acme/app",
    repository_id: "2002",
    repository_owner: "acme",
    repository_owner_id: "1001",
    event_name: "push",
    ref: "refs/heads/main",
  },
  circleci: {
    iss: circleci.name,
    aud: AUDIENCE,
    sub: "org/0a0b0c0d/project/0b/user/1",
    ...TIMES,
    "oidc.circleci.com/project-id": "0a0b0c0d-0000-4000-8000-00000000000b",
    "oidc.circleci.com/ssh-rerun": false,
    "oidc.circleci.com/vcs-ref": "refs/heads/main",
  },
  buildkite: {
    iss: buildkite.name,
    aud: AUDIENCE,
    sub: "organization:acme:pipeline:app:ref:refs/heads/main:commit:0:step:build",
    ...TIMES,
    organization_id: "org-1",
    organization_slug: "acme",
    pipeline_id: "pipe-1",
    build_branch: "main",
  },
} satisfies Record<string, Json>;
const issuers = { github, circleci, buildkite };

function verifier(): Verifier {
  const now = () => NOW_MS;
  return new Verifier({
    now,
    nonces: new MemoryNonces({ now }),
    spent: new MemorySpentTokens({ now }),
    fetch: () => Promise.reject(new Error("nobody is asked")),
  });
}

async function outcome(evidence: JobEvidence, allowed = trusts): Promise<string> {
  const verdict = await verifier().verifyJob(evidence, { trusts: allowed });
  if (verdict.verdict === "verified") return "verified";
  const told = evidence.jwt.split(".").filter((part) => part !== "" && JSON.stringify(verdict).includes(part));
  expect(told).toEqual([]);
  return verdict.code;
}

type Kind = keyof typeof claims;
const KINDS: readonly { kind: Kind }[] = [{ kind: "github" }, { kind: "circleci" }, { kind: "buildkite" }];
const job = (kind: Kind, changes: Json = {}): JobEvidence => ({
  kind,
  jwt: issuers[kind].token({ ...claims[kind], ...changes }),
});

it.each(KINDS)("takes a job of $kind once", async ({ kind }) => {
  const one = verifier();
  const evidence = job(kind);
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => one.verifyJob(evidence, { trusts })));
  expect(verdicts.filter(({ verdict }) => verdict === "verified")).toHaveLength(1);
  expect(verdicts.filter((verdict) => verdict.verdict === "refused" && verdict.code === "token-used")).toHaveLength(49);
});

it("takes a token as often as it lives, where that is configured", async () => {
  const one = verifier();
  const again = trusts.map((trust) => ({ ...trust, isSingleUse: false }));
  for (const evidence of [job("circleci"), job("circleci")])
    expect(await one.verifyJob(evidence, { trusts: again })).toMatchObject({
      verdict: "verified",
      ref: "refs/heads/main",
    });
});

it.each<{ kind: Kind; what: string; changes: Json; code: string }>([
  ...KINDS.flatMap(({ kind }) => [
    { kind, what: "for another audience", changes: { aud: "https://other.example" }, code: "audience-mismatch" },
    { kind, what: "for another audience, too", changes: { aud: [AUDIENCE, "x"] }, code: "audience-extra" },
    { kind, what: "of another issuer", changes: { iss: "https://evil.example" }, code: "issuer-unknown" },
    { kind, what: "that has expired", changes: { exp: NOW_S - 60 }, code: "expired" },
    { kind, what: "from the future", changes: { iat: NOW_S + 61 }, code: "not-yet-valid" },
    { kind, what: "of a day's life", changes: { exp: NOW_S + 86_400 }, code: "lifetime-too-long" },
  ]),
  {
    kind: "github",
    what: "of a repository that has taken our name",
    changes: { repository_id: "9009" },
    code: "not-allowed",
  },
  {
    kind: "github",
    what: "of an owner that has taken our name",
    changes: { repository_owner_id: "9" },
    code: "not-allowed",
  },
  { kind: "github", what: "with a subject alone", changes: { repository_id: undefined }, code: "malformed" },
  { kind: "github", what: "whose id is a number", changes: { repository_id: 2002 }, code: "malformed" },
  { kind: "github", what: "of a fork's pull request", changes: { event_name: "pull_request" }, code: "not-allowed" },
  {
    kind: "circleci",
    what: "of another organization",
    changes: { iss: "https://oidc.circleci.com/org/0a0b0c0d-0000-4000-8000-0000000000ff" },
    code: "issuer-unknown",
  },
  {
    kind: "circleci",
    what: "of another project",
    changes: { "oidc.circleci.com/project-id": "0a0b0c0d-0000-4000-8000-0000000000ff" },
    code: "not-allowed",
  },
  {
    kind: "circleci",
    what: "that a person is in",
    changes: { "oidc.circleci.com/ssh-rerun": true },
    code: "rerun-refused",
  },
  {
    kind: "circleci",
    what: "that a person may be in",
    changes: { "oidc.circleci.com/ssh-rerun": "no" },
    code: "rerun-refused",
  },
  { kind: "buildkite", what: "of another organization", changes: { organization_id: "org-2" }, code: "not-allowed" },
  {
    kind: "buildkite",
    what: "of an organization without an id",
    changes: { organization_id: undefined },
    code: "malformed",
  },
  { kind: "buildkite", what: "of another pipeline", changes: { pipeline_id: "pipe-2" }, code: "not-allowed" },
])("refuses a job of $kind $what: $code", async ({ kind, changes, code }) => {
  expect(await outcome(job(kind, changes))).toBe(code);
});

it("lets a person into a job where that is configured", async () => {
  const allowing = trusts.map((trust) => (trust.kind === "circleci" ? { ...trust, allowsSshRerun: true } : trust));
  expect(await outcome(job("circleci", { "oidc.circleci.com/ssh-rerun": true }), allowing)).toBe("verified");
});

it("finds the one of several trusts that fits", async () => {
  const [first] = trusts;
  if (first?.kind !== "github") throw new Error("there is no trust in GitHub");
  const several: readonly Trust[] = [{ ...first, repositories: ["1"] }, { ...first, audience: "x" }, first];
  expect(await outcome(job("github"), several)).toBe("verified");
});

it.each(KINDS)("takes no job of $kind where nobody trusts it, and none of another's keys", async ({ kind }) => {
  expect(await outcome(job(kind), [])).toBe("kind-not-accepted");
  const other = new Issuer(issuers[kind].name, issuers[kind].kid);
  expect(await outcome({ kind, jwt: other.token(claims[kind]) })).toBe("signature-invalid");
});
