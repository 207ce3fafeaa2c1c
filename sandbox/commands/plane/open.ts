import { buildctlArguments, buildxArguments, shellLine } from "../../stack/client-lines.ts";
import { type Between, type OpenOptions, openBuild } from "../builds.ts";

/** JSON, and on a terminal also the lines that build the folder in which they are pasted. */
export async function openBuildHere(options: OpenOptions, between: Between): Promise<void> {
  const opened = await openBuild(options, between);
  const { isTty, out, paint } = between.terminal;
  if (!isTty || options.json === true) return;
  const local = ["--frontend", "dockerfile.v0", "--local", "context=.", "--local", "dockerfile=."];
  out(`\n${paint("dim", "In a folder with a Dockerfile:")}`);
  out(shellLine(["buildctl", ...buildctlArguments(opened), "build", ...local]));
  out(`\n${paint("dim", "Or:")}`);
  out(shellLine(["docker", "buildx", ...buildxArguments(opened)]));
  out(shellLine(["docker", "buildx", "build", "--builder", opened.buildId, "."]));
}
