import type { Command } from "commander";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";
import { durationMs, durationOption } from "../duration.ts";
import { type AttachOptions, attach } from "./attach.ts";
import { listTerminals, type OfProject, withdraw } from "./look.ts";
import { type OpenOptions, openTerminal } from "./open.ts";
import { type PlayOptions, play } from "./play.ts";

export interface Definition {
  readonly program: Command;
  readonly inDir: (command: Command) => Command;
  readonly ofProject: (command: Command) => Command;
  readonly terminal: Terminal;
  readonly exitWith: (code: number) => void;
}

/** `sandbox debug …`: the org's owner and the person at the terminal, in one. */
export function defineDebug({ program, inDir, ofProject, terminal, exitWith }: Definition): void {
  const debug = program.command("debug").description("a recorded terminal on the sandbox's machine, under a grant");
  ofProject(inDir(debug.command("open [command...]")))
    .description("grant one, and sit down at it; the exit code is the shell's, or that of the command")
    .option("--user <name>", "who sits there", "you")
    .option("--root", "as root, and not as a user without privilege", false)
    .option("--idle <time>", "how long it lasts without a key", durationMs)
    .addOption(durationOption("--for <time>", "how long it lasts at most", "30m"))
    .option("--no-attach", "only grant it: debug attach sits down, within 15 minutes")
    .option("--json", "with --no-attach: machine-readable")
    .action(async (command: readonly string[], options: OpenOptions) =>
      exitWith(await openTerminal(command, options, terminal)),
    );
  inDir(debug.command("attach <grant>"))
    .description("sit down at one that was granted, or come back to it; Ctrl-] leaves it again")
    .option("--user <name>", "who sits there", "you")
    .action(async (grantId: string, options: AttachOptions) => exitWith(await attach(grantId, options, terminal)));
  ofProject(inDir(debug.command("list")))
    .description("show every grant: what became of it, and its recording")
    .option("--json", "machine-readable")
    .action((options: OfProject) => listTerminals(options, terminal));
  ofProject(inDir(debug.command("withdraw <grant>")))
    .description("take a grant back: its terminal ends")
    .action((grantId: string, options: OfProject) => withdraw(grantId, options, terminal));
  inDir(debug.command("play <recording>"))
    .description("play what was recorded, as far as it has come; any key speeds it to the end")
    .option("--speed <times>", "how many times as fast", Number, 1)
    .addOption(durationOption("--longest-pause <time>", "longer ones are cut", "2s"))
    .action((recording: string, options: InDir & PlayOptions) => play(recording, options));
}
