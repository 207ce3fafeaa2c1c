import { inWords } from "../../core/errors.ts";
import type { Config, LoadedConfig } from "../config/config.ts";
import { formatHostPort } from "../config/host-port.ts";
import { judge } from "../config/judge.ts";
import { ConfigInvalid } from "../config/problem.ts";
import { layoutOf } from "../layout.ts";
import type { BundlePlaces } from "./collectors.ts";

export type ConfigOrProblem = LoadedConfig | { readonly problem: string };

/** A configuration that is wrong is what many a bundle is made for. */
export async function configOrProblem(load: Promise<LoadedConfig>): Promise<ConfigOrProblem> {
  try {
    return await load;
  } catch (failure) {
    if (failure instanceof ConfigInvalid) return { problem: inWords(failure) };
    throw failure;
  }
}

/** As configured; the defaults where that is wrong. */
export function placesOf(loaded: ConfigOrProblem): BundlePlaces {
  const { paths, health } = "problem" in loaded ? defaults() : loaded.config;
  return {
    layout: layoutOf(paths),
    stateDir: paths.stateDir,
    runtimeDir: paths.runtimeDir,
    healthUrl: `http://${formatHostPort(health.listen)}`,
  };
}

function defaults(): Pick<Config, "paths" | "health"> {
  const { config } = judge(new Map(), ["paths", "health"], undefined);
  if (config === undefined) throw new Error("The defaults of paths and health are not right");
  return config;
}
