import type { Command } from "commander";
import { duration } from "../../core/time-words.ts";
import type { Reconnected } from "../../ports/operators.ts";
import { askAgent } from "../ask-agent.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { type Paint, painter, printJson } from "../printing.ts";

export function define(command: Command): void {
  command
    .option("--json", "machine-readable, with a schemaVersion")
    .addHelpText(
      "after",
      "\nExit codes: 0 attached, 1 not attached, 69 nobody answers, 75 no outcome yet, 77 not permitted.",
    );
  addConfigOptions(command, ["paths"]);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const { operatorsSocket } = layoutOf(config.paths);
  const outcome = await askAgent(operatorsSocket, async (agent) => {
    // One that hangs is known at once: a try may take its time.
    await agent.health(cli.stop);
    return agent.reconnect(cli.stop);
  });
  if (command.opts()["json"] === true) {
    const { is, ...rest } = outcome;
    printJson(cli.output, { outcome: is, ...rest });
  } else cli.output.out(`${inWords(outcome, painter(cli.output.colours.out))}\n`);
  return CODES[outcome.is];
}

const CODES: Readonly<Record<Reconnected["is"], ExitCode>> = {
  attached: EXIT.ok,
  "not-attached": EXIT.notReady,
  "no-outcome": EXIT.later,
};

function inWords(outcome: Reconnected, paint: Paint): string {
  switch (outcome.is) {
    case "attached":
      return outcome.already
        ? `${paint("green", "attached")} already: the control plane last spoke ${duration(outcome.lastWordMs)} ago`
        : `${paint("green", "attached")} to the control plane`;
    case "not-attached":
      return `${paint("red", "not attached")}: ${outcome.because}${outcome.nextTryMs === undefined ? "" : `\nThe next try is in ${duration(outcome.nextTryMs)}.`}\nTo look at the way there: builder-agent doctor`;
    case "no-outcome":
      return `${paint("yellow", "no outcome")} within ${duration(outcome.afterMs)}; the try goes on. The one before: ${outcome.because}`;
    default:
      return outcome satisfies never;
  }
}
