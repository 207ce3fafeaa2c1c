import { type Command, Option } from "commander";
import {
  BUILD_PERMISSIONS,
  type BuildPermissionName,
  USUAL_PERMISSIONS,
} from "../../control-plane/build-permissions.ts";
import { EXCHANGE_AUDIENCE, type Jobs, type TrustOrder } from "../../control-plane/exchange/trust.ts";
import type { ProjectRef } from "../../control-plane/project-ref.ts";
import type { InDir } from "../builds.ts";
import { durationOption } from "../duration.ts";
import { hostPort } from "../option-values.ts";
import { addTrust, type BetweenTrusts, listTrusts, removeTrust, showTrustLog } from "./trusts.ts";

export interface TrustsDefinition extends BetweenTrusts {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly ofProject: (command: Command) => Command;
}

interface AddOptions extends InDir, ProjectRef {
  readonly audience?: string;
  readonly may: readonly BuildPermissionName[];
  readonly tokenTtl: number;
  readonly buildTtl: number;
  readonly reusable?: boolean;
  readonly jwksUrl?: string;
  readonly machineAddress?: string;
}

/**
 * Events whose workflow and code are the repository's own. A pull request's may be a stranger's:
 * whoever wants those names them.
 */
const USUAL_EVENTS = ["push", "schedule", "workflow_dispatch", "release", "merge_group"];

/** `… trust add|remove|list|log`. */
export function defineTrusts({ program, inDir, ofProject, ...between }: TrustsDefinition): void {
  const trust = program.command("trust").description("which CI jobs may open builds, without a secret");
  const add = trust.command("add").description("let jobs of one repository, project or pipeline open builds");
  const adding = (provider: Jobs["provider"]): Command =>
    withTerms(ofProject(inDir(add.command(provider)))).option("--json", "machine-readable");

  adding("github")
    .requiredOption("--owner-id <id>", "the claim repository_owner_id")
    .requiredOption("--repository-id <id>", "the claim repository_id")
    .option("--event <event...>", "events that may start the workflow", USUAL_EVENTS)
    .option("--ref <ref...>", "of these refs only, such as refs/heads/main")
    .option("--environment <name...>", "of these environments only")
    .action(
      (
        options: AddOptions & {
          ownerId: string;
          repositoryId: string;
          event: string[];
          ref?: string[];
          environment?: string[];
        },
      ) => {
        const { ownerId, repositoryId, event: events, ref: refs, environment: environments } = options;
        const where = { ...(refs && { refs }), ...(environments && { environments }) };
        return addTrust(
          orderOf(options, { provider: "github", ownerId, repositoryId, events, ...where }),
          options,
          between,
        );
      },
    );
  adding("circleci")
    .requiredOption("--organization-id <uuid>", "the organization's id")
    .requiredOption("--project-id <uuid>", "the claim oidc.circleci.com/project-id")
    .option("--ref <ref...>", "of these refs only, such as refs/heads/main")
    .option("--allow-ssh-rerun", "also jobs that were run again with SSH, in which a person can be")
    .action(
      (
        options: AddOptions & { organizationId: string; projectId: string; ref?: string[]; allowSshRerun?: boolean },
      ) => {
        const { organizationId, projectId, ref: refs, allowSshRerun: allowsSshRerun = false } = options;
        const jobs = {
          provider: "circleci" as const,
          organizationId,
          projectId,
          allowsSshRerun,
          ...(refs && { refs }),
        };
        // What a job has in its environment is for its own organization.
        return addTrust(orderOf({ audience: organizationId, ...options }, jobs), options, between);
      },
    );
  adding("buildkite")
    .requiredOption("--organization-id <uuid>", "the claim organization_id")
    .requiredOption("--pipeline-id <uuid>", "the claim pipeline_id")
    .option("--branch <branch...>", "of these branches only")
    .action((options: AddOptions & { organizationId: string; pipelineId: string; branch?: string[] }) => {
      const { organizationId, pipelineId, branch: branches } = options;
      const jobs = { provider: "buildkite" as const, organizationId, pipelineId, ...(branches && { branches }) };
      return addTrust(orderOf(options, jobs), options, between);
    });
  inDir(trust.command("remove <trust-id>"))
    .description("trust them no longer; access tokens are worth nothing at once, open builds are revoked")
    .option("--json", "machine-readable")
    .action((trustId: string, options: InDir) => removeTrust(trustId, options, between));
  inDir(trust.command("list"))
    .description("list who is trusted")
    .option("--json", "machine-readable")
    .action((options: InDir) => listTrusts(options, between));
  inDir(trust.command("log"))
    .description("show why jobs were let in or refused, since the start")
    .option("--json", "machine-readable")
    .action((options: InDir) => showTrustLog(options, between));
}

function withTerms(command: Command): Command {
  return command
    .option(
      "--audience <text>",
      `what their tokens must be for; default: ${EXCHANGE_AUDIENCE}, of CircleCI the organization's id`,
    )
    .addOption(
      new Option("--may <what...>", "what their builds may ask of BuildKit")
        .choices(BUILD_PERMISSIONS)
        .default([...USUAL_PERMISSIONS]),
    )
    .addOption(durationOption("--token-ttl <time>", "how long an access token is good, at most 15m", "15m"))
    .addOption(durationOption("--build-ttl <time>", "the longest that a build may last", "1h"))
    .option("--reusable", "a job's token may be exchanged as often as it lives, not only once")
    .option("--jwks-url <url>", "the issuer's keys, if not where the provider has them: of a stand-in")
    .option(
      "--machine-address <host[:port]>",
      "where clients reach the machine, if not where its stream comes from",
      hostPort,
    );
}

function orderOf(options: AddOptions, jobs: Jobs): TrustOrder {
  const { org, project, audience, may, tokenTtl, buildTtl, reusable, jwksUrl, machineAddress } = options;
  return {
    ...{ org, project, jobs, audience: audience ?? EXCHANGE_AUDIENCE, scopes: [...may] },
    ...{ tokenTtlMs: tokenTtl, buildTtlMs: buildTtl, isSingleUse: reusable !== true },
    ...(jwksUrl !== undefined && { jwksUrl }),
    ...(machineAddress !== undefined && { machineAddress }),
  };
}
