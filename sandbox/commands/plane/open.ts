import { resolve } from "node:path";
import { shellLine } from "../../stack/client-lines.ts";
import { inTree } from "../../stack/tree.ts";
import { type Between, type OpenOptions, openBuild } from "../builds.ts";

/** JSON, and on a terminal also lines that can be pasted. */
export async function openBuildHere(options: OpenOptions, between: Between): Promise<void> {
  const { buildId } = await openBuild(options, between);
  const { isTty, out, paint } = between.terminal;
  if (!isTty || options.json === true) return;
  const from = ["npm", "--prefix", inTree("."), "run", "--silent", "plane", "--", "exec"];
  const exec = (...command: readonly string[]): void =>
    out(shellLine([...from, "--dir", resolve(options.dir), "--build", buildId, "--", ...command]));
  out(`\n${paint("dim", "In a folder with a Dockerfile:")}`);
  exec("buildctl", "build", "--frontend", "dockerfile.v0", "--local", "context=.", "--local", "dockerfile=.");
  exec("docker", "buildx", "build", ".");
}
