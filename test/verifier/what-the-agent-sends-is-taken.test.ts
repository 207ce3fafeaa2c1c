import { KeyObject, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { awsCallerIdentityEvidence } from "../../agent/adapters/evidence/aws-caller-identity-evidence.ts";
import { azureEvidence } from "../../agent/adapters/evidence/azure-evidence.ts";
import type { EvidenceSource } from "../../agent/ports/evidence.ts";
import type { AttestationOptions } from "../../sandbox/control-plane/attestations.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { azure } from "../../sandbox/metadata/azure.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { publicJwk } from "../../sandbox/metadata/sign-jwt.ts";
import { flyIssuer, type Identity } from "../../verifier/src/index.ts";
import { ISSUERS, Platforms } from "../evidence/stage/platforms.ts";
import { type AskedKind, source } from "../evidence/stage/sources.ts";
import { APP, dial, join } from "../plane/member.ts";
import { certify, makeKeys, P384, RSA } from "./authorities/certificates.ts";
import { DAY_MS } from "./authorities/clock.ts";
import { Sts } from "./authorities/sts.ts";

const ACCOUNT = "111122223333";
const REGION = "eu-central-1";
const INSTANCE = `aws/${ACCOUNT}/i-0123456789abcdef0`;
const SUBSCRIPTION = "8d10da13-8125-4ba9-a717-bf7490507b3d";
const VM_ID = "02aab8a4-74ef-476e-8182-f6d2ba4166a6";

/** Good today: here the machine's clock is the real one. */
const today = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
const root = await certify({ name: "Root", keys: await makeKeys(P384), isCa: true, ...today });
const middle = await certify({ name: "Middle", keys: await makeKeys(P384), issuer: root, isCa: true, ...today });
const signer = await certify({
  name: "metadata.azure.com",
  keys: await makeKeys(RSA),
  issuer: middle,
  dns: ["metadata.azure.com"],
  ...today,
});

let platforms: Platforms;
let metadata: MetadataServer;
let plane: EmbeddedControlPlane;
const proved: Identity[] = [];
/** The stand-in's instance started long ago: this control plane has known its key since. */
let knownKey: string | undefined;

beforeAll(async () => {
  platforms = await Platforms.open();
  metadata = await MetadataServer.listen({
    replier: azure({
      vmId: VM_ID,
      subscriptionId: SUBSCRIPTION,
      signer: { privateKey: KeyObject.from(signer.pair.privateKey), certificateDer: signer.der },
    }),
  });
  plane = await EmbeddedControlPlane.listen({ attestation: attestation() });
});
afterAll(async () => {
  await plane[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  await platforms[Symbol.asyncDispose]();
});

/** As an operator would set it up for these platforms. */
function attestation(): AttestationOptions {
  const { sts, rsa, document } = platforms.signers;
  const keys = { keys: [publicJwk(rsa)] };
  const asked = new Sts(platforms.session.secretAccessKey);
  asked.answer = {
    Account: ACCOUNT,
    Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/builder/i-0123456789abcdef0`,
    UserId: "AROAEXAMPLE:i-0123456789abcdef0",
  };
  const fly = flyIssuer({ organization: "acme", keys, apps: [] });
  const aws = {
    account: ACCOUNT,
    issuer: ISSUERS.aws,
    keys: { keys: [publicJwk(sts)] },
    roles: [`arn:aws:iam::${ACCOUNT}:role/builder`],
    regions: [REGION],
  };
  return {
    accept: {
      "aws-web-identity": { accounts: [aws] },
      "aws-caller-identity": { accounts: [ACCOUNT], roles: [`${ACCOUNT}:builder`], regions: [REGION] },
      "aws-instance-identity": {
        accounts: [ACCOUNT],
        certificates: { [REGION]: [new X509Certificate(document.certificateDer).toString()] },
        isRunning: () => Promise.resolve(true),
        knownKey: () => Promise.resolve(knownKey),
      },
      gcp: { keys, projects: ["acme-builders"], serviceAccounts: ["112233445566778899001"] },
      azure: {
        roots: [root.pem],
        intermediates: [middle.pem],
        subscriptions: [SUBSCRIPTION],
        signer: "metadata.azure.com",
      },
      oidc: {
        issuers: [
          { ...fly, claims: [{ path: ["app_name"], allowed: ["builders"] }] },
          {
            ...fly,
            issuer: ISSUERS.url,
            claims: [{ path: ["sub"], allowed: ["machine:1"] }],
            instancePath: ["sub"],
          },
        ],
      },
    },
    entitle: (identity) => {
      proved.push(identity);
      return APP;
    },
    fetch: asked.fetch,
  };
}

it.each<{ kind: AskedKind; instance: string; from?: () => EvidenceSource }>([
  { kind: "aws-web-identity", instance: INSTANCE },
  {
    kind: "aws-caller-identity",
    instance: INSTANCE,
    // Signed for the real endpoint, where no other is configured.
    from: () => awsCallerIdentityEvidence({ awsMetadataUrl: platforms.imds.url }),
  },
  { kind: "aws-instance-identity", instance: INSTANCE },
  { kind: "gcp", instance: "gcp/acme-builders/8087716956832600000" },
  {
    kind: "azure",
    instance: `azure/${SUBSCRIPTION}/${VM_ID}`,
    from: () => azureEvidence({ azureMetadataUrl: metadata.url }),
  },
  { kind: "oidc-socket", instance: `oidc/${ISSUERS.fly}/e2865013f24908` },
  { kind: "oidc-url", instance: `oidc/${ISSUERS.url}/machine:1` },
])("takes what the agent gathers as $kind, by the whole way from the platform", async ({ kind, instance, from }) => {
  await using client = dial(plane);
  const evidence = from?.() ?? source(kind, platforms);
  const identity = await join(client, {
    kind,
    gather: (challenge, key, signal) => {
      knownKey = key.spkiSha256;
      return evidence.gather(challenge, key, signal);
    },
  });
  expect(plane.machines().map(({ id }) => id)).toContain(identity.machineId);
  expect(proved.at(-1)).toMatchObject({ instance });
  // Several kinds name one instance, each time with another key.
  plane.forgetMachine(identity.machineId);
});
