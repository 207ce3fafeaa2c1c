import type { Command } from "commander";
import { askedNetwork } from "../../adapters/network/asked-network.ts";
import { AgentError } from "../../core/errors.ts";
import { whereTried } from "../../core/network/fetch-plan.ts";
import type { IsolationReport, ProbeFinding } from "../../core/network/order.ts";
import type { Cli } from "../cli.ts";
import type { SectionName } from "../config/keys.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { columns, type Paint, painter, printJson } from "../printing.ts";

const SECTIONS = ["paths", "network"] as const satisfies readonly SectionName[];

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion");
  addConfigOptions(command, SECTIONS);
}

/** 0: all is as it must be. 1: something is not. 69: it could not be tried. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, SECTIONS);
  const json = command.opts()["json"] === true;
  if (config.network.mode === "none") {
    if (json) printJson(cli.output, { isolated: true, findings: [] });
    else
      cli.output.out(
        "Builds have a loopback and no network, nor has BuildKit, as this machine is configured: there is nothing to try.\n",
      );
    return EXIT.ok;
  }
  const report = await reportFrom(layoutOf(config.paths).networkSocket, cli.stop);
  const isolated = report.findings.every(({ ok }) => ok);
  if (json) printJson(cli.output, { isolated, ...report });
  else cli.output.out(findingsTable(report, painter(cli.output.colours.out)));
  return isolated ? EXIT.ok : EXIT.notReady;
}

async function reportFrom(socketPath: string, signal: AbortSignal): Promise<IsolationReport> {
  try {
    return await askedNetwork(socketPath).verify(signal);
  } catch (cause) {
    if (!(cause instanceof AgentError) || cause.code !== "network.unreachable") throw cause;
    throw new AgentError(
      "isolation.not-verified",
      "It cannot be tried: ask as root or as builder-control, while the agent runs, with its configuration (--config, --paths-runtime-dir)",
      { retryable: true, cause },
    );
  }
}

/** What a verification found, for an operator: what is amiss first. */
function findingsTable({ findings, tookMs }: IsolationReport, paint: Paint): string {
  const amiss = findings.filter(({ ok }) => !ok);
  const headline =
    amiss.length === 0
      ? `${paint("green", "isolated")}: ${findings.length} targets tried ${whereTried(findings)} in ${tookMs} ms`
      : `${paint("red", "not isolated")}: ${amiss.length} of ${findings.length} targets are not as they must be`;
  const rows = [...amiss, ...findings.filter(({ ok }) => ok)].map(row);
  return `${headline}\n\n${coloured(columns(rows), paint)}`;
}

function row({ what, target, expected, got, ok, detail }: ProbeFinding): readonly string[] {
  const found = detail === "" ? got : `${got} (${detail})`;
  return [ok ? "[+]" : "[-]", what, target, ok ? found : `${found}, must be ${expected}`];
}

function coloured(table: string, paint: Paint): string {
  return table.replaceAll(/^\[\+\]/gm, paint("green", "[+]")).replaceAll(/^\[-\]/gm, paint("red", "[-]"));
}
