import { resolve } from "node:path";
import type { Ask } from "../../admin/client.ts";
import {
  addedTrust,
  exchangeEntries,
  type ListedTrust,
  listedTrusts,
  removedTrust,
  type TrustRequest,
} from "../../admin/trusts.ts";
import { type Jobs, type TrustOrder, trustOrder } from "../../control-plane/exchange/trust.ts";
import { EXIT, SandboxFailure } from "../../failure.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

/** Who is asked, and who is told. */
export interface BetweenTrusts {
  readonly ask: Ask<TrustRequest>;
  readonly terminal: Terminal;
}

/** @throws {SandboxFailure} naming what is not as it must be. */
export async function addTrust(order: TrustOrder, { dir, json }: InDir, { ask, terminal }: BetweenTrusts) {
  const checked = trustOrder.safeParse(order);
  if (!checked.success) {
    const amiss = checked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new SandboxFailure(EXIT.usage, `This cannot be trusted. ${amiss.join("; ")}.`, checked.error);
  }
  const trust = addedTrust.parse(await ask(resolve(dir), { verb: "trust-add", ...order }));
  if (json === true) return terminal.out(JSON.stringify(trust, null, 2));
  terminal.out(`Trusted from now on:\n${inWords(trust)}`);
}

/** Its access tokens are worth nothing from then on; the builds that they opened are revoked. */
export async function removeTrust(trustId: string, { dir, json }: InDir, { ask, terminal: { out } }: BetweenTrusts) {
  const removed = removedTrust.parse(await ask(resolve(dir), { verb: "trust-remove", trustId }));
  if (json === true) return out(JSON.stringify(removed, null, 2));
  const builds = removed.revokedBuilds;
  out(
    `Trust ${trustId} is removed. ${builds.length === 0 ? "No build was open by it." : `Revoked: ${builds.join(", ")}.`}`,
  );
}

export async function listTrusts({ dir, json }: InDir, { ask, terminal: { out, paint } }: BetweenTrusts) {
  const trusts = listedTrusts.parse(await ask(resolve(dir), { verb: "trust-list" }));
  if (json === true) return out(JSON.stringify(trusts, null, 2));
  if (trusts.length === 0) return out(paint("dim", "No job of any CI system is trusted."));
  for (const trust of trusts) out(inWords(trust));
}

/** Why jobs were let in or refused, with what the jobs themselves are not told. */
export async function showTrustLog({ dir, json }: InDir, { ask, terminal: { out, paint } }: BetweenTrusts) {
  const entries = exchangeEntries.parse(await ask(resolve(dir), { verb: "trust-log" }));
  if (json === true) return out(JSON.stringify(entries, null, 2));
  if (entries.length === 0) return out(paint("dim", "Nobody has asked since the start."));
  for (const { at, source, code, reason, trustIds, job } of entries) {
    const who = job && `${job.provider} ${job.organizationId}/${job.projectId} ${job.ref ?? ""}`.trimEnd();
    out([at, source, code, who, trustIds.join(","), reason].filter(Boolean).join("  "));
  }
}

function inWords(trust: ListedTrust): string {
  const { id, org, project, jobs, audience, scopes, tokenTtlMs, buildTtlMs, isSingleUse, jwksUrl, machineAddress } =
    trust;
  const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`;
  const details = [
    `issuer ${trust.issuer}, audience ${audience}${jwksUrl === undefined ? "" : `, keys from ${jwksUrl}`}`,
    `may ${scopes.join(", ")}; access token ${minutes(tokenTtlMs)}, a build at most ${minutes(buildTtlMs)}`,
    ...(isSingleUse ? [] : ["a job's token may be exchanged as often as it lives"]),
    ...(machineAddress === undefined ? [] : [`clients reach the machine at ${machineAddress}`]),
  ];
  return [`${id}  ${org}/${project}  ${whose(jobs)}`, ...details.map((detail) => `    ${detail}`)].join("\n");
}

function whose(jobs: Jobs): string {
  switch (jobs.provider) {
    case "github":
      return [
        `github repository ${jobs.repositoryId} of owner ${jobs.ownerId}`,
        `events ${jobs.events.join(", ")}`,
        ...listed("refs", jobs.refs),
        ...listed("environments", jobs.environments),
      ].join("; ");
    case "circleci":
      return [
        `circleci project ${jobs.projectId} of organization ${jobs.organizationId}`,
        ...(jobs.allowsSshRerun ? ["also with SSH"] : []),
        ...listed("refs", jobs.refs),
      ].join("; ");
    case "buildkite":
      return [
        `buildkite pipeline ${jobs.pipelineId} of organization ${jobs.organizationId}`,
        ...listed("branches", jobs.branches),
      ].join("; ");
    default:
      return jobs satisfies never;
  }
}

function listed(what: string, names: readonly string[] | undefined): readonly string[] {
  return names === undefined ? [] : [`${what} ${names.join(", ")}`];
}
