import { type Command, Option } from "commander";
import type { Cli } from "./cli.ts";
import type { LoadedConfig } from "./config/config.ts";
import { KEYS, type Key, type SectionName } from "./config/keys.ts";
import { loadConfig, type Origins, salvageConfig } from "./config/load.ts";

/** Adds --config, --debug and a flag for each key of `sections`. */
export function addConfigOptions(command: Command, sections: readonly SectionName[]): void {
  command
    .option("--config <file>", "configuration file (default: /etc/builder-agent/config.toml, if it exists)")
    .option("--debug", "show the stack of an error");
  for (const key of keysOf(sections)) {
    const note = key.defaultText === undefined ? "" : ` (default: ${key.defaultText})`;
    const option = new Option(`${key.flag} <value>`, `${withoutFullStop(key.description)}${note}`);
    command.addOption(option.helpGroup(`Configuration, ${key.section}:`));
  }
}

/** The configuration as this command line, the environment and the file give it. */
export function configOf<S extends SectionName>(
  command: Command,
  cli: Cli,
  sections: readonly S[],
): Promise<LoadedConfig<S>> {
  return loadConfig(originsOf(command, cli), sections, cli.stop);
}

/** What can be had of it where it is wrong. */
export function salvagedConfigOf<S extends SectionName>(
  command: Command,
  cli: Cli,
  sections: readonly S[],
): Promise<LoadedConfig<S>["config"]> {
  return salvageConfig(originsOf(command, cli), sections, cli.stop);
}

function originsOf(command: Command, { environment }: Cli): Origins {
  const { config: file } = command.opts<{ readonly config?: string }>();
  const origins = { flags: Object.fromEntries(givenFlags(command, KEYS)), environment };
  return file === undefined ? origins : { ...origins, file };
}

/** The same options again, for a process that needs `sections` of them. */
export function forwardedOptions(command: Command, sections: readonly SectionName[]): readonly string[] {
  const { config: file } = command.opts<{ readonly config?: string }>();
  const common = file === undefined ? [] : ["--config", file];
  return [...common, ...givenFlags(command, keysOf(sections)).map(([flag, value]) => `${flag}=${value}`)];
}

/** [flag, value] of each key that was given on the command line. */
function givenFlags(command: Command, keys: readonly Key[]): readonly (readonly [string, string])[] {
  const values = command.opts<Readonly<Record<string, unknown>>>();
  return command.options.flatMap((option) => {
    const key = keys.find(({ flag }) => flag === option.long);
    const value = values[option.attributeName()];
    return key !== undefined && typeof value === "string" ? [[key.flag, value] as const] : [];
  });
}

function keysOf(sections: readonly SectionName[]): readonly Key[] {
  return KEYS.filter((key) => sections.includes(key.section));
}

function withoutFullStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
