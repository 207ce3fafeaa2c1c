import { Command } from "commander";
import type { Entry } from "../cli.ts";

/** A command as manuals and shells are told of it. */
export interface Described {
  readonly name: string;
  /** From below the program: "config check". */
  readonly path: string;
  readonly summary: string;
  readonly options: readonly DescribedOption[];
  /** What its help says after the options. */
  readonly notes: string;
  readonly under: readonly Described[];
}

export interface DescribedOption {
  /** "-f, --follow", "--since <time>" */
  readonly flags: string;
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  /** Whether a word follows it. */
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  /** A key of the configuration, which every command that reads its section has. */
  readonly isConfiguration: boolean;
}

/** All commands that a person may be told of, with their options as they define them themselves. */
export async function commandTree(entries: readonly Entry[], above = ""): Promise<readonly Described[]> {
  return Promise.all(entries.filter(({ hidden }) => hidden !== true).map((entry) => described(entry, above)));
}

async function described({ name, summary, load, under = [] }: Entry, above: string): Promise<Described> {
  const path = above === "" ? name : `${above} ${name}`;
  const command = new Command(name);
  (await load?.())?.define(command);
  return {
    name,
    path,
    summary,
    options: optionsOf(command),
    notes: notesOf(command),
    under: await commandTree(under, path),
  };
}

function optionsOf(command: Command): readonly DescribedOption[] {
  return command.options
    .filter(({ hidden }) => !hidden)
    .map((option) => ({
      flags: option.flags,
      long: option.long ?? "",
      short: option.short,
      description: option.description,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
      isConfiguration: option.helpGroupHeading?.startsWith("Configuration") === true,
    }));
}

/** What `addHelpText("after", …)` would print. */
function notesOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  const bare = command.helpInformation();
  command.outputHelp();
  return text.slice(bare.length).trim();
}

/** Each command with all below it. */
export function flat(tree: readonly Described[]): readonly Described[] {
  return tree.flatMap((one) => [one, ...flat(one.under)]);
}
