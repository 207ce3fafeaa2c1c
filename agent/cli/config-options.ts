import { type Command, Option } from "commander";
import type { Cli } from "./cli.ts";
import type { LoadedConfig } from "./config/config.ts";
import { KEYS, type Key, type SectionName } from "./config/keys.ts";
import { loadConfig } from "./config/load.ts";

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
  const given = command.opts<Readonly<Record<string, string | undefined>>>();
  const file = given["config"];
  const flags = command.options.flatMap((option) => {
    const value = option.long === undefined ? undefined : given[option.attributeName()];
    return typeof value === "string" && option.long !== undefined ? [[option.long, value] as const] : [];
  });
  const origins = { flags: Object.fromEntries(flags), environment: cli.environment };
  return loadConfig(file === undefined ? origins : { ...origins, file }, sections, cli.stop);
}

function keysOf(sections: readonly SectionName[]): readonly Key[] {
  return KEYS.filter((key) => sections.includes(key.section));
}

function withoutFullStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
