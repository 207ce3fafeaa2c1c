import { z } from "zod";

/** The most that a list may have: whom a policy lets in is meant to be read by somebody. */
const MOST = 100;

function text(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error });
}

/** Empty: nobody. */
function list<T extends z.ZodType>(of: T) {
  return z.array(of, { error: "a list; an empty one allows nobody" }).max(MOST, { error: `at most ${MOST}` });
}

const ID = text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'letters, digits, ".", "_" and "-", at most 128');
const OWNER = z.strictObject(
  {
    org: ID,
    project: ID,
    architecture: z.enum(["amd64", "arm64"], { error: '"amd64" or "arm64"' }).exactOptional(),
  },
  { error: 'whose machine it is: { org = "acme", project = "app" }, and an architecture if it is for one alone' },
);
const FILE = text(/^[^\0]+$/, "the path of a file, absolute or from this file's directory");
const URL_OF_KEYS = text(/^(?:https:\/\/|http:\/\/127\.\d+\.\d+\.\d+[:/])\S+$/, "an https URL").refine(
  (url) => URL.canParse(url),
  {
    error: "an https URL",
  },
);
/** One of both: the issuer's JWKS document by its URL, or as a file. */
const KEYS = { jwksUrl: URL_OF_KEYS.exactOptional(), jwksFile: FILE.exactOptional() };
const ISSUER = text(/^https:\/\/[^\s?#]+$/, 'an https URL, exactly as in the claim "iss"');

const ACCOUNT = text(/^\d{12}$/, "the 12 digits of an AWS account");
const REGIONS = list(text(/^[a-z]{2}(?:-[a-z]+){1,3}-\d$/, 'a region, such as "eu-central-1"'));
const ROLE_ARN = text(
  /^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/[\x21-\x29\x2b-\x7e]+$/,
  'the whole ARN of a role, such as "arn:aws:iam::123456789012:role/builder", without wildcards',
);
const ROLE_NAME = text(/^[\w+=,.@-]{1,64}$/, "the name of a role, without its path");
const UUID = text(/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "the id of a subscription");
const NUMERIC = text(/^\d{1,32}$/, "the numeric id of a service account (its uniqueId)");
const NAME = text(/^[\x21-\x7e]{1,255}$/, "a name without spaces");
const CLAIM_PATH = z
  .array(z.string().min(1), { error: 'names from the outside in: ["kubernetes.io", "namespace"]' })
  .min(1)
  .max(5);

/**
 * Whose word on machines a control plane takes: a list for each kind of evidence, an entry for each
 * owner. Only what is named here lets anybody in.
 */
export const policySchema = z.strictObject({
  awsWebIdentity: list(
    z.strictObject({
      owner: OWNER,
      account: ACCOUNT,
      issuer: ISSUER,
      ...KEYS,
      roles: list(ROLE_ARN),
      regions: REGIONS,
    }),
  ).default([]),
  awsCallerIdentity: list(
    z.strictObject({ owner: OWNER, account: ACCOUNT, roles: list(ROLE_NAME), regions: REGIONS }),
  ).default([]),
  awsInstanceIdentity: list(
    z.strictObject({
      owner: OWNER,
      account: ACCOUNT,
      instances: z.literal("assumed-running", {
        error: '"assumed-running": this control plane does not ask AWS, so a copy of a document is good for ever',
      }),
      certificateFiles: z.record(z.string(), list(FILE), { error: 'PEM files by region: { "eu-central-1" = ["…"] }' }),
    }),
  ).default([]),
  gcp: list(z.strictObject({ owner: OWNER, ...KEYS, projects: list(NAME), serviceAccounts: list(NUMERIC) })).default(
    [],
  ),
  azure: list(
    z.strictObject({
      owner: OWNER,
      signer: z
        .enum(["metadata.azure.com", "metadata.azure.us", "metadata.azure.cn", "metadata.microsoftazure.de"], {
          error: '"metadata.azure.com", or that of another cloud of Azure',
        })
        .default("metadata.azure.com"),
      rootFiles: list(FILE),
      intermediateFiles: list(FILE).default([]),
      subscriptions: list(UUID),
    }),
  ).default([]),
  fly: list(z.strictObject({ owner: OWNER, organization: NAME, ...KEYS, apps: list(NAME) })).default([]),
  kubernetes: list(
    z.strictObject({
      owner: OWNER,
      issuer: ISSUER,
      ...KEYS,
      namespaces: list(NAME),
      serviceAccounts: list(NAME),
    }),
  ).default([]),
  oidc: list(
    z.strictObject({
      owner: OWNER,
      issuer: ISSUER,
      ...KEYS,
      algorithms: list(z.enum(["RS256", "ES256", "ES384"])).default(["RS256", "ES256"]),
      audience: z.enum(["bound", "plain", "plain-among-others"], {
        error: '"bound" (to challenge and key), "plain" (a token from a file) or "plain-among-others"',
      }),
      claims: z.array(z.strictObject({ path: CLAIM_PATH, allowed: list(NAME) })).max(4, { error: "at most 4" }),
      instance: CLAIM_PATH,
      singleUse: z.boolean().default(true),
      mostLifetimeS: z.int().min(60).max(86_400).default(3_600),
    }),
  ).default([]),
  nitroTpm: list(
    z.strictObject({
      owner: OWNER,
      image: NAME,
      rootFiles: list(FILE),
      pcrs: z.record(
        text(/^(?:[0-9]|1[0-9]|2[0-3])$/, "the number of a PCR"),
        text(/^[0-9a-f]{96}$/, "SHA-384 in lower-case hex, as nitro-tpm-pcr-compute prints it"),
        { error: 'PCRs by number: { "4" = "…", "12" = "…" }' },
      ),
    }),
  ).default([]),
});

/** As it was written: files are paths. */
export type WrittenPolicy = z.output<typeof policySchema>;
export type Owner = z.output<typeof OWNER>;
