import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describePolicy } from "../../sandbox/attestation/describe.ts";
import { PolicyInForce } from "../../sandbox/attestation/policy-in-force.ts";
import { policySchema } from "../../sandbox/attestation/schema.ts";
import { certify, pemOf } from "../../sandbox/metadata/document-authority.ts";
import { inTree } from "../../sandbox/stack/tree.ts";
import type { Identity } from "../../verifier/src/index.ts";
import { plane } from "../sandbox/plane/running-plane.ts";
import { google } from "../verifier/platforms.ts";

const OWNER = { org: "acme", project: "app" };
const OTHER = { org: "umbrella", project: "web" };
const ROLE = "arn:aws:iam::123456789012:role/builder";
const WEB = {
  owner: OWNER,
  account: "123456789012",
  issuer: "https://a.tokens.sts.global.api.aws",
  jwksUrl: "https://a.tokens.sts.global.api.aws/keys",
  roles: [ROLE],
  regions: ["eu-central-1"],
};
const GCP = { owner: OWNER, jwksFile: "google.json", projects: ["acme-builders"], serviceAccounts: ["1"] };
const AZURE = { owner: OWNER, rootFiles: ["root.pem"], subscriptions: ["8D10DA13-8125-4ba9-a717-bf7490507b3d"] };
const IDENTITY_DOCUMENT = {
  owner: OWNER,
  account: "123456789012",
  instances: "assumed-running",
  certificateFiles: { "eu-central-1": ["root.pem"] },
};
const FLY = { owner: OWNER, organization: "acme", jwksFile: "google.json", apps: ["4711"] };
const KUBERNETES = {
  owner: OWNER,
  issuer: "https://cluster.example",
  jwksFile: "google.json",
  namespaces: ["builders"],
  serviceAccounts: ["builder"],
};
const OIDC = {
  owner: OWNER,
  issuer: "https://issuer.example",
  jwksFile: "google.json",
  audience: "bound",
  claims: [{ path: ["sub"], allowed: ["machine:1"] }],
  instance: ["sub"],
};
const NITRO = { owner: OWNER, image: "v7", rootFiles: ["root.pem"], pcrs: { "4": "a4".repeat(48) } };

let dir: string;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "policy-"));
  file = join(dir, "attestation.toml");
  await writeFile(join(dir, "google.json"), JSON.stringify(google.jwks));
  await writeFile(join(dir, "root.pem"), pemOf(await certify({ name: "root", key: "P-384", isCa: true })));
  await writeFile(join(dir, "page.html"), "<!DOCTYPE html>");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function open(policy: object | string): Promise<PolicyInForce> {
  await writeFile(file, typeof policy === "string" ? policy : stringify(policy));
  return PolicyInForce.open(file);
}

const proved = { verdict: "verified", keySha256: "ab".repeat(32) } as const;
const aws = { ...proved, kind: "aws-web-identity", instance: "aws/1/i-1", account: "123456789012", instanceId: "i-1" };
const ofAws = (role: string, region = "eu-central-1"): Identity => ({ ...aws, role, region }) as Identity;

describe("whose machine it is", () => {
  it.each<{ what: string; policy: object; identity: object }>([
    { what: "awsWebIdentity", policy: { awsWebIdentity: [WEB] }, identity: ofAws(ROLE) },
    {
      what: "awsCallerIdentity",
      policy: {
        awsCallerIdentity: [{ owner: OWNER, account: "123456789012", roles: ["builder"], regions: ["eu-central-1"] }],
      },
      identity: { kind: "aws-caller-identity", instance: "aws/1/i-1", role: "123456789012:builder" },
    },
    {
      what: "awsInstanceIdentity",
      policy: { awsInstanceIdentity: [IDENTITY_DOCUMENT] },
      identity: {
        kind: "aws-instance-identity",
        instance: "aws/1/i-1",
        account: "123456789012",
        region: "eu-central-1",
      },
    },
    {
      what: "gcp",
      policy: { gcp: [GCP] },
      identity: { kind: "gcp", instance: "gcp/1", project: "acme-builders", serviceAccount: "1" },
    },
    {
      what: "azure",
      policy: { azure: [AZURE] },
      identity: { kind: "azure", instance: "azure/1", subscription: AZURE.subscriptions[0]?.toLowerCase() },
    },
    {
      what: "fly",
      policy: { fly: [FLY] },
      identity: { kind: "oidc", instance: "oidc/1", issuer: "https://oidc.fly.io/acme", values: ["4711"] },
    },
    {
      what: "kubernetes",
      policy: { kubernetes: [KUBERNETES] },
      identity: { kind: "oidc", instance: "oidc/1", issuer: KUBERNETES.issuer, values: ["builders", "builder"] },
    },
    {
      what: "oidc",
      policy: { oidc: [OIDC] },
      identity: { kind: "oidc", instance: "oidc/1", issuer: OIDC.issuer, values: ["machine:1"] },
    },
    { what: "nitroTpm", policy: { nitroTpm: [NITRO] }, identity: { kind: "nitro-tpm", image: "v7" } },
  ])("is said by $what, and by it alone", async ({ policy, identity }) => {
    const machine = { ...proved, ...identity } as Identity;
    expect((await open(policy)).entitle(machine)).toEqual(OWNER);
    expect((await open({})).entitle(machine)).toBeUndefined();
  });

  it("is told apart by what differs: two owners may share an account, a cloud or an issuer", async () => {
    const role = "arn:aws:iam::123456789012:role/other";
    const policy = await open({
      awsWebIdentity: [WEB, { ...WEB, owner: OTHER, roles: [role], regions: ["eu-west-1"] }],
    });
    expect(policy.entitle(ofAws(ROLE))).toEqual(OWNER);
    expect(policy.entitle(ofAws(role, "eu-west-1"))).toEqual(OTHER);
    // Each of both is in some list, and nobody wrote them together.
    expect(policy.entitle(ofAws(role, "eu-central-1"))).toBeUndefined();
    expect(policy.accept["aws-web-identity"]?.accounts).toMatchObject([{ roles: [ROLE, role] }]);
  });

  it("is nobody's where a list is empty, and the check says so", async () => {
    const policy = await open({ awsWebIdentity: [{ ...WEB, roles: [] }], oidc: [{ ...OIDC, claims: [] }] });
    expect(policy.entitle(ofAws(ROLE))).toBeUndefined();
    expect(policy.accept["aws-web-identity"]?.accounts).toMatchObject([{ roles: [] }]);
    expect(describePolicy(policy.loaded).map(({ nobody }) => nobody)).toEqual([
      "one of its lists is empty",
      "one of its lists is empty",
    ]);
  });
});

describe("a mistake", () => {
  it.each<[string, object | string, RegExp]>([
    ["no TOML", "[[gcp]\n", /attestation\.toml: no TOML .* at line 1/],
    ["a kind that there is not", { awsWebIdentities: [WEB] }, /awsWebIdentities: there is no such key/],
    [
      "a key that there is not",
      { awsWebIdentity: [{ ...WEB, role: ROLE }] },
      /line \d+: awsWebIdentity\[0\]\.role: there is no/,
    ],
    ["no owner", { gcp: [{ ...GCP, owner: undefined }] }, /line 1: gcp\[0\]\.owner: whose machine it is/],
    [
      "an architecture of another name",
      { gcp: [{ ...GCP, owner: { ...OWNER, architecture: "x86_64" } }] },
      /gcp\[0\]\.owner\.architecture: "amd64" or "arm64"/,
    ],
    [
      "a wildcard for a role",
      { awsWebIdentity: [{ ...WEB, roles: [`${ROLE}*`] }] },
      /roles\[0\]: .* without wildcards/,
    ],
    ["an issuer without TLS", { awsWebIdentity: [{ ...WEB, issuer: "http://a" }] }, /line 3: .*issuer: an https URL/],
    [
      "keys from two places",
      { gcp: [{ ...GCP, jwksUrl: "https://a.example" }] },
      /gcp\[0\]: needs jwksUrl or jwksFile/,
    ],
    ["keys from nowhere", { gcp: [{ ...GCP, jwksFile: undefined }] }, /gcp\[0\]: needs jwksUrl or jwksFile/],
    [
      "a file that is missing",
      { azure: [{ ...AZURE, rootFiles: ["no.pem"] }] },
      /azure\[0\]\.rootFiles: "no\.pem" does not exist/,
    ],
    [
      "a file without a certificate",
      { azure: [{ ...AZURE, rootFiles: ["page.html"] }] },
      /"page\.html" holds no certificate/,
    ],
    ["a file without keys", { gcp: [{ ...GCP, jwksFile: "page.html" }] }, /"page\.html" is no JSON/],
    [
      "somebody let in for two owners",
      { awsWebIdentity: [WEB, { ...WEB, owner: OTHER }] },
      /line 12: awsWebIdentity\[1\]: lets in whom awsWebIdentity\[0\] lets in/,
    ],
    [
      "an issuer with two sets of keys",
      { awsWebIdentity: [WEB, { ...WEB, roles: [], jwksUrl: "https://b.example" }] },
      /awsWebIdentity\[1\]\.jwksUrl: differs from that of awsWebIdentity\[0\]/,
    ],
    [
      "an issuer that has a kind of its own",
      { kubernetes: [KUBERNETES], oidc: [{ ...OIDC, issuer: KUBERNETES.issuer }] },
      /oidc\[0\]\.issuer/,
    ],
    [
      "the instance document as if it were as good as others",
      { awsInstanceIdentity: [{ ...IDENTITY_DOCUMENT, instances: "running" }] },
      /instances: "assumed-running": .* a copy of a document is good for ever/,
    ],
    ["a PCR that is none", { nitroTpm: [{ ...NITRO, pcrs: { "4": "A4" } }] }, /pcrs\.4: SHA-384 in lower-case hex/],
  ])("is told with its key, its line and what is wanted: %s", async (_what, policy, words) => {
    await expect(open(policy)).rejects.toThrow(words);
  });

  it("in a file that is taken anew leaves the old policy in force", async () => {
    const policy = await open({ awsWebIdentity: [WEB] });
    await writeFile(file, stringify({ awsWebIdentity: [{ ...WEB, regions: ["Frankfurt"] }] }));
    await expect(policy.retake()).rejects.toThrow(/regions\[0\]/);
    expect(policy.entitle(ofAws(ROLE))).toEqual(OWNER);
    await writeFile(file, stringify({ awsWebIdentity: [{ ...WEB, owner: OTHER }] }));
    await policy.retake();
    expect(policy.entitle(ofAws(ROLE))).toEqual(OTHER);
  });
});

it("plane attestation check prints who is let in, or all that is wrong", async () => {
  await open({ awsWebIdentity: [WEB], nitroTpm: [NITRO] });
  const good = await plane("attestation", "check", file);
  expect(good.exitCode).toBe(0);
  expect(good.stdout).toContain("aws-web-identity → acme/app\n");
  expect(good.stdout).toContain(`roles: ${ROLE}`);
  expect(good.stdout).toContain("! it proves the image, not whose machine it is");
  const json = JSON.parse((await plane("attestation", "check", file, "--json")).stdout) as object[];
  expect(json).toMatchObject([{ kind: "aws-web-identity", owner: OWNER }, { kind: "nitro-tpm" }]);
  await writeFile(file, stringify({ gcp: [{ ...GCP, projects: "acme", serviceAccounts: ["me"] }] }));
  const bad = await plane("attestation", "check", file);
  expect(bad.exitCode).toBe(65);
  expect(bad.stderr).toMatch(
    /has 2 problems:\n.* line \d+: gcp\[0\]\.projects: .*\n.* line \d+: gcp\[0\]\.serviceAccounts\[0\]/,
  );
});

it("docs/try-on-a-cloud.md shows policies that are taken, once its gaps are filled", async () => {
  const page = await readFile(inTree("docs/try-on-a-cloud.md"), "utf8");
  const blocks = page.match(/(?:^ {4}(?!\[identity\]).*\n)+/gm)?.filter((block) => block.includes("[[")) ?? [];
  const entries = blocks.join("\n").split(/(?=^ {4}\[\[)/m);
  const kinds = entries.map((entry) => /\[\[(\w+)\]\]/.exec(entry)?.[1]).filter((kind) => kind !== undefined);
  expect(kinds.toSorted()).toEqual(Object.keys(policySchema.shape).toSorted());
  for (const entry of entries.filter((one) => one.includes("[["))) {
    const filled = entry
      .replaceAll(/"(\d+)" = "…"/g, `"$1" = "${"a4".repeat(48)}"`)
      .replaceAll(/jwksUrl = "…"/g, 'jwksUrl = "https://keys.example"')
      .replaceAll("8d10da13-…", "8d10da13-8125-4ba9-a717-bf7490507b3d")
      .replaceAll(/"[^"]*\.pem"/g, '"root.pem"')
      .replaceAll('"cluster.json"', '"google.json"')
      .replaceAll("…", "x");
    const policy = await open(filled);
    expect(describePolicy(policy.loaded)).toMatchObject([{ owner: OWNER }]);
  }
});
