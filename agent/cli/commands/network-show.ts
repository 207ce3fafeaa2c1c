import type { Command } from "commander";
import { type ShownNetwork, showNetwork } from "../../adapters/network/show-network.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { columns, printJson } from "../printing.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, ["paths"]);
}

/** 1: none is in force, or its guard is not. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const network = await showNetwork(layoutOf(config.paths).networkState, cli.stop);
  const json = command.opts()["json"] === true;
  if (json) printJson(cli.output, network === undefined ? { made: false } : { made: true, ...network });
  else cli.output.out(network === undefined ? "There is no network of builds.\n" : table(network));
  return network?.guard === "in force" ? EXIT.ok : EXIT.notReady;
}

function table({ order, applied, nameservers, guard }: ShownNetwork): string {
  const { allowedCidrs = [], allowPrivateRanges = false } = order?.egress ?? {};
  const reach = allowedCidrs.length > 0 ? allowedCidrs.join(" ") : "the internet";
  const named = applied.tailnet === "open" ? "the tailnet's own names" : applied.resolvers.join(" ") || "nobody";
  return columns([
    ["guard", guard],
    ["addresses", applied.families.map((family) => applied[family]).join(" ")],
    [
      "builds reach",
      order === undefined ? "nothing yet" : `${reach}${allowPrivateRanges ? " and private ranges" : ""}`,
    ],
    ["tailnet", applied.tailnet],
    ["names", `asked of ${nameservers.join(" ")}, which asks ${named}`],
    ...(applied.collisions.length === 0 ? [] : [["collides with", applied.collisions.join(" ")]]),
  ]);
}
