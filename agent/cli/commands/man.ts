import { agentVersion } from "../../adapters/machine/versions.ts";
import type { Cli, CommandModule, Entry } from "../cli.ts";
import { EXIT } from "../exit-code.ts";
import { commandTree } from "../manual/command-tree.ts";
import { type ManPageFacts, manPage } from "../manual/man-page.ts";

/** Prints the manual: the package carries it, and without one `| man -l -` shows it. */
export function manOf(entries: readonly Entry[], facts: Omit<ManPageFacts, "version">): CommandModule {
  return {
    define: () => undefined,
    async run(_command, { output }: Cli) {
      output.out(manPage(await commandTree(entries), { ...facts, version: agentVersion() }));
      return EXIT.ok;
    },
  };
}
