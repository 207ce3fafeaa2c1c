import { type Command, Option } from "commander";
import { BUILD_PERMISSIONS } from "../control-plane/build-permissions.ts";
import { type Between, closeBuild, type InDir, listBuilds } from "./builds.ts";
import { durationMs } from "./duration.ts";

export interface BuildsDefinition extends Between {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly ofProject: (command: Command) => Command;
}

/** `… build open|end|revoke|list`; gives the first, which has no action yet. */
export function defineBuilds({ program, inDir, ofProject, ...between }: BuildsDefinition): Command {
  const build = program.command("build").description("open, end, revoke and list builds");
  const open = ofProject(inDir(build.command("open")))
    .description("open a build and print its id and files, as JSON")
    .option("--ttl <time>", "how long it may last", durationMs, durationMs("30m"))
    .addOption(
      new Option("--may <what...>", "what it may ask of BuildKit; default: build disk-usage prune").choices(
        BUILD_PERMISSIONS,
      ),
    )
    .option("--json", "as it is anyway");
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
  return open;
}
