import type { Command } from "commander";
import { agentVersion } from "../../adapters/machine/versions.ts";
import { CONTRACT } from "../../core/machine.ts";
import type { Cli } from "../cli.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { printJson } from "../printing.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
}

export async function run(command: Command, { output }: Cli): Promise<ExitCode> {
  const versions = { agent: agentVersion(), node: process.versions.node, contract: CONTRACT };
  if (command.opts()["json"] === true) printJson(output, versions);
  else output.out(`builder-agent ${versions.agent} (Node ${versions.node}, contract ${versions.contract})\n`);
  return EXIT.ok;
}
