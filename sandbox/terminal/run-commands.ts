import { type Command, CommanderError } from "commander";
import { EXIT, type ExitCode, messageOf, SandboxFailure } from "../failure.ts";
import type { Terminal } from "./terminal.ts";

/** Runs a command line to its end, says in one sentence what went wrong; gives the exit code. */
export async function runCommands(program: Command, argv: readonly string[], { err }: Terminal): Promise<ExitCode> {
  try {
    await program.parseAsync(argv, { from: "user" });
    return EXIT.ok;
  } catch (failure) {
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.ok : EXIT.usage;
    err(`${program.name()}: ${messageOf(failure)}`);
    return failure instanceof SandboxFailure ? failure.exitCode : EXIT.software;
  }
}
