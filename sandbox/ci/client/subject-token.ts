import { z } from "zod";
import { EXIT, messageOf, SandboxFailure } from "../../failure.ts";
import { ask, checkedUrl } from "./ask.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const ASK_DEADLINE_MS = 10_000;
const githubAnswer = z.looseObject({ value: z.string().min(1) });

export interface SubjectTokenOptions {
  /** The variable that holds it; absent: what the platform is known to give. */
  readonly tokenEnv?: string;
  /** What it shall be for, where the platform lets a job choose. */
  readonly audience: string;
}

/**
 * The job's own token: from a variable, of which CircleCI sets one, or from where GitHub's runner
 * says. @throws {SandboxFailure} naming what is missing, never a token.
 */
export async function subjectToken(
  environment: Environment,
  { tokenEnv, audience }: SubjectTokenOptions,
  signal: AbortSignal,
): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = environment;
  if (tokenEnv === undefined && url && bearer) return askGithub(url, bearer, audience, signal);
  const name = tokenEnv ?? "CIRCLE_OIDC_TOKEN_V2";
  const token = environment[name]?.trim();
  if (token) return token;
  const hint =
    tokenEnv !== undefined
      ? `The variable ${tokenEnv} is not set, or empty.`
      : "No token of a CI job is here. GitHub: give the job the permission id-token: write. Buildkite: set a variable by buildkite-agent oidc request-token, and name it with --token-env.";
  throw new SandboxFailure(EXIT.noInput, hint);
}

/** Source: GitHub's documentation, "OpenID Connect in cloud providers", on custom actions. */
async function askGithub(text: string, bearer: string, audience: string, signal: AbortSignal): Promise<string> {
  try {
    const url = checkedUrl(text, "ACTIONS_ID_TOKEN_REQUEST_URL");
    url.searchParams.set("audience", audience);
    const headers = { authorization: `bearer ${bearer}`, accept: "application/json" };
    const { status, body } = await ask(url, { method: "GET", headers, deadlineMs: ASK_DEADLINE_MS }, signal);
    if (status !== 200) throw new Error(`it answered with ${status}`);
    return tokenIn(body);
  } catch (cause) {
    throw new SandboxFailure(EXIT.unavailable, `GitHub gave this job no token: ${messageOf(cause)}.`, cause);
  }
}

function tokenIn(body: string): string {
  try {
    return githubAnswer.parse(JSON.parse(body)).value;
  } catch {
    // The parser's message quotes what it read.
    throw new Error("its answer holds none");
  }
}
