import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { askSandbox } from "../admin/client.ts";
import { type CiJobRequest, ciJobEnvironment } from "../ci/ci-job-request.ts";
import { runCommand } from "../ci/client/run-command.ts";

export interface CiJobOptions {
  readonly dir: string;
  readonly provider: CiJobRequest["provider"];
  readonly claim?: CiJobRequest["claims"];
}

/** Runs a command in the environment that a stand-in's platform gives a job. */
export async function ciJob({ dir, provider, claim = {} }: CiJobOptions, command: readonly string[]): Promise<number> {
  const asked = await askSandbox(resolve(dir), { verb: "ci-job", provider, claims: claim });
  return runCommand(command, { ...process.env, ...ciJobEnvironment.parse(asked) });
}

/** "name=value", one more; "true" and "false" are what they say. @throws {InvalidArgumentError} */
export function claimValue(text: string, before: CiJobRequest["claims"] = {}): CiJobRequest["claims"] {
  const [, name, value = ""] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("A claim is wanted, such as repository_id=2003.");
  const isBoolean = value === "true" || value === "false";
  return { ...before, [name]: isBoolean ? value === "true" : value };
}
