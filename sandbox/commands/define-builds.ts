import { type Command, Option } from "commander";
import type { Inhabitant } from "../admin/claim.ts";
import { SHELLS } from "../client/exports.ts";
import { BUILD_PERMISSIONS } from "../control-plane/build-permissions.ts";
import { type Between, closeBuild, type InDir, listBuilds, type OpenOptions, openForShell } from "./builds.ts";
import { durationOption } from "./duration.ts";
import { type ExecOptions, execWithBuild } from "./exec.ts";

export interface BuildsDefinition extends Between {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  /** Default: the project has to be named, where it has no default. */
  readonly ofProject: (command: Command, mayLack?: "may lack") => Command;
  /** Adds what says at which address the build's machine is; default: nothing. */
  readonly placed?: (command: Command) => Command;
  readonly who: Inhabitant;
  readonly exitWith: (code: number) => void;
}

/**
 * `… build open|end|revoke|list` and `… exec`.
 * @param told opens a build, and tells its files as a person or a program wants them.
 */
export function defineBuilds(
  { program, inDir, ofProject, placed = (command) => command, who, exitWith, ...between }: BuildsDefinition,
  told: (options: OpenOptions) => Promise<void>,
): void {
  const opening = (command: Command, mayLack?: "may lack"): Command =>
    placed(ofProject(inDir(command), mayLack))
      .addOption(durationOption("--ttl <time>", "how long it may last", "30m"))
      .addOption(
        new Option("--may <what...>", "what it may ask of BuildKit; default: build disk-usage prune").choices(
          BUILD_PERMISSIONS,
        ),
      )
      .option("--context-group <name>", "send only what differs from what clients of this group sent; default: all");
  const build = program.command("build").description("open, end, revoke and list builds");
  opening(build.command("open"))
    .description("open a build and print its id and files, as JSON")
    .addOption(
      new Option("--shell [language]", "print lines for eval instead, of sh (bash, zsh, dash) or fish")
        .choices(SHELLS)
        .preset("sh"),
    )
    .option("--json", "as it is anyway")
    .action((options: OpenOptions) => {
      const { shell } = options;
      return shell === undefined ? told(options) : openForShell({ ...options, shell }, between);
    });
  opening(program.command("exec <command...>"), "may lack")
    .description("run a command with a build of its own, which ends with it: buildctl, docker buildx build, a shell")
    .option("--build <id>", "with this one instead, which stays open")
    .action(async (command: readonly string[], options: ExecOptions) => {
      exitWith(await execWithBuild(command, options, { who, terminal: between.terminal }));
    });
  for (const how of ["end", "revoke"] as const) {
    inDir(build.command(`${how} <build-id>`))
      .description(`${how} a build; returns when its sessions are cut`)
      .option("--json", "machine-readable")
      .action((buildId: string, options: InDir) => closeBuild(`build-${how}`, buildId, options, between));
  }
  inDir(build.command("list"))
    .description("list open builds")
    .option("--json", "machine-readable")
    .action((options: InDir) => listBuilds(options, between));
}
