import { z } from "zod";
import { jobIssuer } from "../../../verifier/src/index.ts";
import { BUILD_PERMISSIONS } from "../build-permissions.ts";

/** What tokens of CI jobs are for, unless a trust says otherwise. */
export const EXCHANGE_AUDIENCE = "https://builds.sandbox.internal";

const MINUTE_MS = 60_000;
/** The most that an access token may live. */
export const TOKEN_TTL_MAX_MS = 15 * MINUTE_MS;
const BUILD_TTL_MAX_MS = 24 * 60 * MINUTE_MS;

const TOKEN_TTL_WANTED = "between 1 and 15 minutes are wanted";

const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "letters, digits and dashes are wanted, at most 64");
const name = z.string().regex(/^[\x20-\x7e]{1,255}$/, "printable ASCII is wanted, at most 255 characters");
const names = z.array(name).min(1);

/** Whose jobs: by ids, which nobody can take over as a name is taken over. */
const matcher = z.discriminatedUnion("provider", [
  z.object({
    provider: z.literal("github"),
    ownerId: id,
    repositoryId: id,
    events: names,
    refs: names.exactOptional(),
    environments: names.exactOptional(),
  }),
  z.object({
    provider: z.literal("circleci"),
    organizationId: id,
    projectId: id,
    allowsSshRerun: z.boolean(),
    refs: names.exactOptional(),
  }),
  z.object({
    provider: z.literal("buildkite"),
    organizationId: id,
    pipelineId: id,
    branches: names.exactOptional(),
  }),
]);

/** What a person decides about the jobs of one repository, project or pipeline. */
export const trustOrder = z.object({
  org: z.string().min(1),
  project: z.string().min(1),
  jobs: matcher,
  /** Compared exactly with the token's one `aud`. */
  audience: name,
  /** What builds that they open may ask of BuildKit. */
  scopes: z.array(z.enum(BUILD_PERMISSIONS)).min(1),
  /** Of an access token. */
  tokenTtlMs: z.int().min(MINUTE_MS, TOKEN_TTL_WANTED).max(TOKEN_TTL_MAX_MS, TOKEN_TTL_WANTED),
  /** The longest that a build of theirs may last. */
  buildTtlMs: z.int().positive().max(BUILD_TTL_MAX_MS, "24 hours are the most"),
  /** Whether a job's token is good for one exchange, or for as many as it lives. */
  isSingleUse: z.boolean(),
  /** The issuer's keys, if not where the provider has them: of a stand-in. */
  jwksUrl: z.url().refine(isSafe, "https is wanted, or http on this machine's loopback").exactOptional(),
  /** "host:port": where clients reach the machine, if not where its stream comes from. */
  machineAddress: z.string().exactOptional(),
});

export const keptTrust = trustOrder.extend({ id: z.string() });

export type Jobs = z.output<typeof matcher>;
export type Provider = Jobs["provider"];
export type TrustOrder = z.output<typeof trustOrder>;
export type TrustRelationship = z.output<typeof keptTrust>;

/** Who signs these jobs' tokens: the claim `iss`. */
export function issuerOf(jobs: Jobs): string {
  return jobs.provider === "circleci"
    ? jobIssuer({ kind: jobs.provider, organization: jobs.organizationId })
    : jobIssuer({ kind: jobs.provider });
}

/** Where the issuer's public keys are. Sources: the `jwks_uri` of each discovery document. */
export function jwksUrlOf({ jobs, jwksUrl }: TrustOrder): string {
  if (jwksUrl !== undefined) return jwksUrl;
  const file = jobs.provider === "circleci" ? "jwks-pub.json" : "jwks";
  return `${issuerOf(jobs)}/.well-known/${file}`;
}

function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname));
}
