import { randomUUID } from "node:crypto";
import type { Provider } from "../../control-plane/exchange/trust.ts";

export type JobClaims = Readonly<Record<string, unknown>>;

/** The ids that a stand-in's jobs have, if nothing else is asked for. */
export const STAND_IN_IDS = {
  github: { ownerId: "1001", repositoryId: "2002" },
  circleci: {
    organizationId: "0a0b0c0d-0000-4000-8000-00000000000a",
    projectId: "0a0b0c0d-0000-4000-8000-00000000000b",
  },
  buildkite: {
    organizationId: "01849900-0000-4000-8000-00000000000a",
    pipelineId: "01849900-0000-4000-8000-00000000000b",
  },
} as const;

/**
 * What a token says of a job that a push to `main` started. Sources: GitHub's documentation,
 * "OpenID Connect reference", with the ids in the subject that repositories of after July 2026
 * have; CircleCI's, "OpenID Connect tokens in jobs"; Buildkite's, "OIDC with Buildkite Pipelines",
 * with the two optional claims that are asked for by `--claim`.
 */
export function jobClaims(provider: Provider, audience: string, nowMs: number): JobClaims {
  const iat = Math.floor(nowMs / 1_000);
  switch (provider) {
    case "github": {
      const { ownerId, repositoryId } = STAND_IN_IDS.github;
      return {
        ...{ iss: "https://token.actions.githubusercontent.com", aud: audience, jti: randomUUID() },
        ...{ iat, nbf: iat - 300, exp: iat + 21_600 },
        sub: `repo:acme@${ownerId}/app@${repositoryId}:ref:refs/heads/main`,
        ...{ repository: "acme/app", repository_id: repositoryId, repository_visibility: "private" },
        ...{ repository_owner: "acme", repository_owner_id: ownerId, actor: "octocat", actor_id: "583231" },
        ...{ event_name: "push", ref: "refs/heads/main", ref_type: "branch", ref_protected: "true" },
        ...{ workflow: "build", job_workflow_ref: "acme/app/.github/workflows/build.yml@refs/heads/main" },
        ...{ run_id: "4711", run_number: "1", run_attempt: "1", runner_environment: "github-hosted" },
      };
    }
    case "circleci": {
      const { organizationId, projectId } = STAND_IN_IDS.circleci;
      const user = "0a0b0c0d-0000-4000-8000-00000000000c";
      const [origin, ref] = ["github.com/acme/app", "refs/heads/main"];
      return {
        ...{ iss: `https://oidc.circleci.com/org/${organizationId}`, aud: audience, iat, exp: iat + 3_600 },
        sub: `org/${organizationId}/project/${projectId}/user/${user}/vcs-origin/${origin}/vcs-ref/${ref}`,
        ...{ "oidc.circleci.com/project-id": projectId, "oidc.circleci.com/ssh-rerun": false },
        ...{ "oidc.circleci.com/vcs-origin": origin, "oidc.circleci.com/vcs-ref": ref },
        ...{ "oidc.circleci.com/job-id": randomUUID(), "oidc.circleci.com/context-ids": [] },
      };
    }
    case "buildkite": {
      const { organizationId, pipelineId } = STAND_IN_IDS.buildkite;
      const commit = "9f3182061f1e2cca4702c368cbc039b7dc9d4485";
      return {
        ...{ iss: "https://agent.buildkite.com", aud: audience, iat, nbf: iat, exp: iat + 300 },
        sub: `organization:acme:pipeline:app:ref:refs/heads/main:commit:${commit}:step:build`,
        ...{ organization_slug: "acme", organization_id: organizationId },
        ...{ pipeline_slug: "app", pipeline_id: pipelineId, build_number: 1, build_branch: "main" },
        ...{ build_commit: commit, step_key: "build", job_id: randomUUID(), build_source: "webhook" },
      };
    }
    default:
      return provider satisfies never;
  }
}
