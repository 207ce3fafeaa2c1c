import type { Command } from "commander";
import type { Output } from "./output.ts";

/** What a command gets from the process that it runs in. */
export interface Cli {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGTERM or SIGINT: end in good order. */
  readonly stop: AbortSignal;
  /** Aborted by the second: shorten the order, skip nothing. */
  readonly hurry: AbortSignal;
}

/** The code behind a command, loaded only when it is the one that was asked for. */
export interface CommandModule {
  /** Adds its options. */
  define(command: Command): void;
  /** Gives the code to exit with. */
  run(command: Command, cli: Cli): Promise<number>;
}
