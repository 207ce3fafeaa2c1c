import { type RunOptions, run } from "./command.ts";

/** What is run to be somewhere else: a program, and its arguments. */
export interface EnteredCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** A network: of a namespace, or of this machine. */
export interface NetworkPlace {
  /** For a person. */
  readonly name: string;
  /** A process that is in it. */
  readonly pid: number;
  /** How a program is started in it. */
  enter(command: string, args?: readonly string[]): EnteredCommand;
  /** For `ip`, `nft`, `sysctl` and the like: gives stdout. @throws {Error} with its stderr */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
}

/** The network that this process is in. */
export const HERE: NetworkPlace = {
  name: "this machine",
  pid: process.pid,
  enter: (command, args = []) => ({ command, args }),
  run,
};
