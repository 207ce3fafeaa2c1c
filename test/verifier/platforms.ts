import type { Evidence, Policies } from "../../verifier/src/index.ts";
import { flyIssuer, kubernetesIssuer } from "../../verifier/src/index.ts";
import { certify, type Holder, makeKeys, P384, RSA } from "./authorities/certificates.ts";
import { NOW_MS } from "./authorities/clock.ts";
import { Issuer, type Json } from "./authorities/issuer.ts";
import { type Payload, sign1 } from "./authorities/nitro.ts";
import { type Making, signedDocument } from "./authorities/signed-document.ts";
import { amzDate, type Headers, signedHeaders } from "./authorities/sts.ts";
import { type Binding, boundAudience, sha256 } from "./scene.ts";

export const ACCOUNT = "123456789012";
export const OTHER_ACCOUNT = "210987654321";
export const INSTANCE_ID = "i-0123456789abcdef0";
export const OTHER_INSTANCE_ID = "i-0fedcba9876543210";
export const REGION = "eu-central-1";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/builder`;
export const STS = "https://sts.amazonaws.com/";

export const awsIssuer = new Issuer(
  "https://11111111-aaaa-4aaa-8aaa-111111111111.tokens.sts.global.api.aws",
  "EC_1",
  "ES384",
);
export const google = new Issuer("https://accounts.google.com", "google-1");
export const fly = new Issuer("https://oidc.fly.io/acme", "fly-1");
export const cluster = new Issuer("https://cluster.example", "cluster-1", "ES256");
/** Anybody's. */
export const stranger = new Issuer("https://evil.example", "evil-1");

const ec = { root: await makeKeys(P384), middle: await makeKeys(P384) };
const rsa = { leaf: await makeKeys(RSA), regional: await makeKeys(RSA), evil: await makeKeys(RSA) };
export const azureRoot = await certify({ name: "Test Global Root", keys: ec.root, isCa: true });
export const azureMiddle = await certify({
  name: "Test RSA CA 01",
  keys: ec.middle,
  issuer: azureRoot,
  isCa: true,
  pathLength: 0,
});
export const azureSigner = await certify({
  name: "metadata.azure.com",
  keys: rsa.leaf,
  issuer: azureMiddle,
  dns: ["metadata.azure.com"],
});
export const awsRegional = await certify({ name: "EC2 eu-central-1", keys: rsa.regional });
/** The one that AWS will replace it with. */
const awsNextRegional = await certify({ name: "EC2 eu-central-1", keys: ec.root });
export const awsOtherRegional = await certify({ name: "EC2 us-east-1", keys: rsa.leaf });
export const evilKeys = rsa.evil;
export const evilSigner = await certify({ name: "metadata.azure.com", keys: rsa.evil, dns: ["metadata.azure.com"] });

const nitroKeys = { root: await makeKeys(P384), middle: await makeKeys(P384), leaf: await makeKeys(P384) };
export const nitroRoot = await certify({ name: "Test Nitro Root", keys: nitroKeys.root, isCa: true });
export const nitroMiddle = await certify({
  name: "Test Nitro Zone",
  keys: nitroKeys.middle,
  issuer: nitroRoot,
  isCa: true,
});
export const nitroSigner = await certify({
  name: "i-0123456789abcdef0-tpm",
  keys: nitroKeys.leaf,
  issuer: nitroMiddle,
});
export const nitroStranger = await certify({ name: "Test Nitro Root", keys: await makeKeys(P384), isCa: true });

export const PCR4 = "a4".repeat(48);
export const PCR12 = "00".repeat(48);
export const SUBSCRIPTION = "8d10da13-8125-4ba9-a717-bf7490507b3d";
export const VM_ID = "5c98a77e-6b3a-4e0a-9d7f-0c1a2b3c4d5e";

/** The first registration of each instance, all of them running. */
export const accept: Policies = {
  "aws-web-identity": {
    accounts: [{ account: ACCOUNT, issuer: awsIssuer.name, keys: awsIssuer.jwks, roles: [ROLE], regions: [REGION] }],
  },
  "aws-caller-identity": { accounts: [ACCOUNT], roles: [`${ACCOUNT}:builder`], regions: [REGION] },
  "aws-instance-identity": {
    accounts: [ACCOUNT],
    certificates: { [REGION]: [awsNextRegional.pem, awsRegional.pem], "us-east-1": [awsOtherRegional.pem] },
    isRunning: () => Promise.resolve(true),
    knownKey: () => Promise.resolve(undefined),
  },
  gcp: { keys: google.jwks, projects: ["acme-builders"], serviceAccounts: ["112233445566778899000"] },
  azure: { roots: [azureRoot.pem], subscriptions: [SUBSCRIPTION], signer: "metadata.azure.com" },
  oidc: {
    issuers: [
      flyIssuer({ organization: "acme", keys: fly.jwks, apps: ["app-4711"] }),
      kubernetesIssuer({
        issuer: cluster.name,
        keys: cluster.jwks,
        namespaces: ["builders"],
        serviceAccounts: ["builder"],
      }),
    ],
  },
  "nitro-tpm": { roots: [nitroRoot.pem], images: [{ name: "builder-7", pcrs: { 4: PCR4, 12: PCR12 } }] },
};

/** Claims and documents as honest platforms write them, at a time. */
export const claims = {
  aws: (binding: Binding, atMs = NOW_MS): Json => ({
    iss: awsIssuer.name,
    aud: boundAudience(binding),
    sub: ROLE,
    ...times(atMs, 300),
    jti: "8a8a8a8a",
    [STS]: {
      aws_account: ACCOUNT,
      source_region: REGION,
      org_id: "o-acme",
      principal_id: ROLE,
      request_tags: {},
      ec2_source_instance_arn: `arn:aws:ec2:${REGION}:${ACCOUNT}:instance/${INSTANCE_ID}`,
      ec2_role_delivery: "2.0",
    },
  }),
  gcp: (binding: Binding, atMs = NOW_MS): Json => ({
    iss: google.name,
    aud: boundAudience(binding),
    azp: "112233445566778899000",
    sub: "112233445566778899000",
    email: "builder@acme-builders.iam.gserviceaccount.com",
    email_verified: true,
    ...times(atMs, 3_600),
    google: {
      compute_engine: {
        project_id: "acme-builders",
        project_number: 123_456_789,
        zone: "europe-west3-a",
        instance_id: "4567890123456789012",
        instance_name: "builder-1",
      },
    },
  }),
  fly: (binding: Binding, atMs = NOW_MS): Json => ({
    iss: fly.name,
    aud: boundAudience(binding),
    sub: "acme:builders:148e21ea7e46e8",
    ...times(atMs, 900),
    app_id: "app-4711",
    app_name: "builders",
    machine_id: "148e21ea7e46e8",
  }),
  kubernetes: (binding: Binding, atMs = NOW_MS): Json => ({
    iss: cluster.name,
    aud: [binding.audience],
    sub: "system:serviceaccount:builders:builder",
    ...times(atMs, 3_607),
    "kubernetes.io": {
      namespace: "builders",
      pod: { name: "builder-0", uid: "3f2c3c2e-8b61-4a4e-8f6a-1d2f3a4b5c6d" },
      serviceaccount: { name: "builder", uid: "0b1c2d3e-0000-4000-8000-000000000001" },
    },
  }),
};

export const documents = {
  aws: (atMs = NOW_MS): Json => ({
    accountId: ACCOUNT,
    architecture: "x86_64",
    availabilityZone: `${REGION}a`,
    instanceId: INSTANCE_ID,
    pendingTime: new Date(atMs - 60_000).toISOString().replace(/\.\d+/, ""),
    region: REGION,
    version: "2017-09-30",
  }),
  azure: ({ nonce, spki }: Binding, atMs = NOW_MS): Json => ({
    nonce: sha256("builder-agent azure v1\0", nonce, sha256(spki)).toString("hex").slice(0, 32),
    timeStamp: { createdOn: azureTime(atMs - 2_000), expiresOn: azureTime(atMs + 43_000) },
    vmId: VM_ID,
    subscriptionId: SUBSCRIPTION,
    sku: "12-gen2",
  }),
  nitro: ({ nonce, spki }: Binding, atMs = NOW_MS): Payload =>
    new Map<string, unknown>([
      ["module_id", `${INSTANCE_ID}-tpm0123`],
      ["timestamp", atMs],
      ["digest", "SHA384"],
      [
        "nitrotpm_pcrs",
        new Map([
          [4, Uint8Array.from(Buffer.from(PCR4, "hex"))],
          [12, Uint8Array.from(Buffer.from(PCR12, "hex"))],
        ]),
      ],
      ["certificate", nitroSigner.der],
      ["cabundle", [nitroRoot.der, nitroMiddle.der]],
      ["public_key", Uint8Array.from(spki)],
      ["user_data", null],
      ["nonce", Uint8Array.from(nonce)],
    ]),
};

export function callerHeaders({ nonce, spki }: Binding, atMs = NOW_MS): Headers {
  return {
    host: `sts.${REGION}.amazonaws.com`,
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    "x-amz-date": amzDate(atMs),
    "x-amz-security-token": "session-token-of-the-role",
    "x-builder-agent-binding": Buffer.concat([nonce, sha256(spki)]).toString("base64url"),
  };
}

export async function instanceIdentity(document: Json | string, making: Partial<Making> = {}): Promise<Evidence> {
  const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  const signature = await signedDocument(bytes, { signer: awsRegional, bag: [], hasAttributes: true, ...making });
  return { kind: "aws-instance-identity", document: making.swapped ?? bytes, signature };
}

export async function attestedDocument(
  document: Json | string,
  making: Partial<Making> = {},
  intermediates: readonly Holder[] = [azureMiddle],
): Promise<Evidence> {
  const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  const pkcs7 = await signedDocument(bytes, { signer: azureSigner, bag: [azureSigner], hasQuirk: true, ...making });
  return { kind: "azure", pkcs7, intermediates: intermediates.map(({ der }) => der) };
}

export interface Platform {
  readonly name: string;
  /** What the verifier makes of it. */
  readonly instance: string | undefined;
  readonly attest: (binding: Binding, atMs?: number) => Evidence | Promise<Evidence>;
  readonly isBound: "nonce and key" | "in one" | "not";
}

export const platforms: readonly Platform[] = [
  {
    name: "aws-web-identity",
    instance: `aws/${ACCOUNT}/${INSTANCE_ID}`,
    attest: (binding, atMs) => ({ kind: "aws-web-identity", jwt: awsIssuer.token(claims.aws(binding, atMs)) }),
    isBound: "nonce and key",
  },
  {
    name: "aws-caller-identity",
    instance: `aws/${ACCOUNT}/${INSTANCE_ID}`,
    attest: (binding, atMs) => ({
      kind: "aws-caller-identity",
      url: `https://sts.${REGION}.amazonaws.com/`,
      headers: signedHeaders(callerHeaders(binding, atMs), REGION),
    }),
    isBound: "nonce and key",
  },
  {
    name: "aws-instance-identity",
    instance: `aws/${ACCOUNT}/${INSTANCE_ID}`,
    attest: (_binding, atMs) => instanceIdentity(documents.aws(atMs)),
    isBound: "not",
  },
  {
    name: "gcp",
    instance: "gcp/acme-builders/4567890123456789012",
    attest: (binding, atMs) => ({ kind: "gcp", jwt: google.token(claims.gcp(binding, atMs)) }),
    isBound: "nonce and key",
  },
  {
    name: "azure",
    instance: `azure/${SUBSCRIPTION}/${VM_ID}`,
    attest: (binding, atMs) => attestedDocument(documents.azure(binding, atMs)),
    isBound: "in one",
  },
  {
    name: "fly",
    instance: `oidc/${fly.name}/148e21ea7e46e8`,
    attest: (binding, atMs) => ({ kind: "oidc", jwt: fly.token(claims.fly(binding, atMs)) }),
    isBound: "nonce and key",
  },
  {
    name: "kubernetes",
    instance: `oidc/${cluster.name}/3f2c3c2e-8b61-4a4e-8f6a-1d2f3a4b5c6d`,
    attest: (binding, atMs) => ({ kind: "oidc", jwt: cluster.token(claims.kubernetes(binding, atMs)) }),
    isBound: "not",
  },
  {
    name: "nitro-tpm",
    instance: undefined,
    attest: (binding, atMs) => ({ kind: "nitro-tpm", document: sign1(documents.nitro(binding, atMs), nitroSigner) }),
    isBound: "nonce and key",
  },
];

function times(atMs: number, lifetimeS: number): Json {
  const iat = Math.floor(atMs / 1_000);
  return { iat, exp: iat + lifetimeS };
}

function azureTime(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().slice(2, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${month}/${day}/${year} ${time} -0000`;
}
