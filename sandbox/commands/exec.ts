import { resolve } from "node:path";
import type { Inhabitant } from "../admin/claim.ts";
import { askAndStay } from "../admin/client.ts";
import { type LentBuild, lentBuild } from "../admin/request.ts";
import { runCommand } from "../ci/client/run-command.ts";
import type { ProjectRef } from "../control-plane/project-ref.ts";
import { EXIT, messageOf, SandboxFailure } from "../failure.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { lendOrder, type OpenOptions } from "./builds.ts";

export interface ExecOptions extends Omit<OpenOptions, "org" | "project">, Partial<ProjectRef> {
  /** One that is open. Absent: one of its own. */
  readonly build?: string;
}

const OPEN_MS = 30_000;
const END_MS = 20_000;

/**
 * Runs a command with a build: one that is open, or one of its own, which ends when the command
 * has, and also when this process is killed. Gives the command's exit code.
 * @throws {SandboxFailure} where there is no build, or the command cannot be started.
 */
export async function execWithBuild(
  command: readonly string[],
  options: ExecOptions,
  { who, terminal }: { readonly who: Inhabitant; readonly terminal: Terminal },
): Promise<number> {
  const dir = resolve(options.dir);
  const { build } = options;
  const request = build === undefined ? ownBuild(options) : { verb: "build-outfit", buildId: build };
  const { socket, result } = await askAndStay(who, dir, request, OPEN_MS);
  const lent = lentBuild.parse(result);
  try {
    return await runCommand(command, environmentFor(lent, process.env), { cwd: startedIn(process.env) });
  } finally {
    if (build === undefined) await end(who, dir, lent.buildId, terminal);
    socket.destroy();
  }
}

function ownBuild({ org, project, ...options }: ExecOptions) {
  if (org !== undefined && project !== undefined) return lendOrder({ ...options, org, project }, true);
  throw new SandboxFailure(
    EXIT.usage,
    "Name --org and --project of the build to open, or --build with an open one's id.",
  );
}

/** What the command gave counts, whatever becomes of this. */
async function end(who: Inhabitant, dir: string, buildId: string, { err }: Terminal): Promise<void> {
  try {
    const { socket } = await askAndStay(who, dir, { verb: "build-end", buildId }, END_MS);
    socket.destroy();
  } catch (failure) {
    err(`Build ${buildId} may not be ended: ${messageOf(failure)}`);
  }
}

/** A key is in a file, never in here. */
function environmentFor({ variables, binDir }: LentBuild, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, ...variables, PATH: `${binDir}:${environment["PATH"] ?? "/usr/bin:/bin"}` };
}

/** Where the person is: npm runs its scripts in the package's folder. */
function startedIn({ npm_lifecycle_event: script, INIT_CWD: from }: NodeJS.ProcessEnv): string {
  return script !== undefined && from !== undefined ? from : process.cwd();
}
