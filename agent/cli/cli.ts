import type { Command } from "commander";
import { parentGone } from "../adapters/launcher/parent-gone.ts";
import { eitherOf } from "../lifecycle/deadline.ts";
import type { Pulse } from "../lifecycle/pulse.ts";
import type { Output } from "./output.ts";

/** What a command gets from the process that it runs in. */
export interface Cli {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGTERM or SIGINT: end in good order. */
  readonly stop: AbortSignal;
  /** Aborted by the second: shorten the order, skip nothing. */
  readonly hurry: AbortSignal;
  /** Each SIGHUP: take the configuration again, and try what is waiting to be tried. */
  readonly hangup: Pulse;
  /** Each SIGUSR2: another gateway is to take the place of the one that serves. */
  readonly replace: Pulse;
}

/** The code behind a command, loaded only when it is the one that was asked for. */
export interface CommandModule {
  /** Adds its options. */
  define(command: Command): void;
  /** Gives the code to exit with. */
  run(command: Command, cli: Cli): Promise<number>;
}

/** A line of the table of commands (program.ts). */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load?: () => Promise<CommandModule>;
  /** Not in the help: another of our processes starts it. */
  readonly hidden?: true;
  readonly under?: readonly Entry[];
}

/** What a child of the launcher gets: it ends in a hurry as well when the launcher is gone. */
export function withParent(cli: Cli): Cli {
  const gone = parentGone(cli.environment);
  return { ...cli, stop: eitherOf(cli.stop, gone), hurry: eitherOf(cli.hurry, gone) };
}
