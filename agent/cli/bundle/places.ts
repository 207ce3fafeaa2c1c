import type { Command } from "commander";
import { inWords } from "../../core/errors.ts";
import type { Cli } from "../cli.ts";
import type { Config, LoadedConfig } from "../config/config.ts";
import { formatHostPort } from "../config/host-port.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid } from "../config/problem.ts";
import { configOf, salvagedConfigOf } from "../config-options.ts";
import { layoutOf } from "../layout.ts";
import type { BundlePlaces } from "./collectors.ts";

/** Or what is wrong with it: a configuration that is wrong is what many a bundle is made for. */
export type ConfigOrProblem =
  | Pick<LoadedConfig<"identity" | "tailnet" | "telemetry">, "config" | "sources">
  | { readonly problem: string };

export interface Situated {
  readonly config: ConfigOrProblem;
  readonly places: BundlePlaces;
}

/** Where things lie, by what is right of the configuration. */
export async function situate(command: Command, cli: Cli): Promise<Situated> {
  try {
    const config = await configOf(command, cli, SECTIONS);
    return { config, places: placesOf(config.config) };
  } catch (failure) {
    if (!(failure instanceof ConfigInvalid)) throw failure;
    return {
      config: { problem: inWords(failure) },
      places: placesOf(await salvagedConfigOf(command, cli, ["paths", "health"])),
    };
  }
}

function placesOf({ paths, health }: Pick<Config, "paths" | "health">): BundlePlaces {
  return {
    layout: layoutOf(paths),
    stateDir: paths.stateDir,
    runtimeDir: paths.runtimeDir,
    healthUrl: `http://${formatHostPort(health.listen)}`,
  };
}
