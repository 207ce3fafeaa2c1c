import { Argument, type Command } from "commander";
import type { Cli, CommandModule, Entry } from "../cli.ts";
import { EXIT } from "../exit-code.ts";
import { commandTree } from "../manual/command-tree.ts";
import { completion, SHELLS } from "../manual/completion.ts";

/** Prints what a shell needs in order to complete these commands. */
export function completionOf(entries: readonly Entry[]): CommandModule {
  return {
    define(command: Command) {
      command.addArgument(new Argument("<shell>", "which shell").choices(SHELLS)).addHelpText(
        "after",
        `
The package brings it for all three. Elsewhere, for this shell: eval "$(builder-agent completion bash)", or source <(…) in zsh, or … | source in fish.`,
      );
    },
    async run(command: Command, { output }: Cli) {
      const shell = SHELLS.find((one) => one === command.args[0]);
      if (shell !== undefined) output.out(completion(shell, await commandTree(entries)));
      return EXIT.ok;
    },
  };
}
