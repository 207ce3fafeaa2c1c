import { type Command, Option } from "commander";
import { askEither, type Told } from "../ask-either.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { durationOption } from "../duration-option.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { painter, printJson, wrapped } from "../printing.ts";
import { statusTable } from "../status-table.ts";
import { watchStatus } from "../watch-status.ts";

/** An agent that is asked more often than this would notice. */
const LEAST_INTERVAL_MS = 200;

interface StatusOptions {
  readonly json?: true;
  readonly watch?: true;
  readonly interval: number;
}

export function define(command: Command): void {
  command
    .option("--json", "machine-readable, with a schemaVersion; with --watch one document a line")
    .option("--watch", "ask again and again until Ctrl-C: on a terminal in place, else a line each time")
    .addOption(
      new Option("--interval <time>", "between two answers of --watch: 500ms, 10s")
        .argParser((text) => Math.max(LEAST_INTERVAL_MS, durationOption(text)))
        .default(2_000, "2s"),
    )
    .addHelpText("after", "\nExit codes: 0 ready (with --watch: ended by Ctrl-C), 1 not ready, 69 no answer.");
  addConfigOptions(command, ["health", "paths"]);
}

/** 0: ready. 1: it answers and is not ready. */
export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["health", "paths"]);
  const { json = false, watch = false, interval } = command.opts<StatusOptions>();
  const { operatorsSocket } = layoutOf(config.paths);
  const ask = (stop: AbortSignal): Promise<Told> => askEither(config.health.listen, operatorsSocket, stop);
  if (watch) {
    await watchStatus(ask, { intervalMs: interval, json }, cli);
    return EXIT.ok;
  }
  const { status, notByPort } = await ask(cli.stop);
  const paint = painter(cli.output.colours.out);
  if (notByPort !== undefined)
    cli.output.err(`builder-agent: told over ${operatorsSocket}, for its health port does not: ${notByPort.message}\n`);
  if (status.is === "too-early") {
    const { because } = status;
    if (json) printJson(cli.output, { ready: false, notReadyBecause: [because] });
    else cli.output.out(`${paint("red", "not ready")}\n  ${because}\n`);
    return EXIT.notReady;
  }
  const { answer, whole } = status;
  if (json) printJson(cli.output, whole);
  else cli.output.out(wrapped(statusTable(answer, Date.now(), paint), cli.output.columns));
  return answer.ready ? EXIT.ok : EXIT.notReady;
}
