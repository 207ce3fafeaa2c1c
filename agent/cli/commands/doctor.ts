import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { SECTIONS } from "../config/keys.ts";
import { ConfigInvalid } from "../config/problem.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { becauseOf, configuration } from "../doctor/configuration.ts";
import { counted, type Found, gravestFirst } from "../doctor/finding.ts";
import { fromAgent } from "../doctor/from-agent.ts";
import { planeWay } from "../doctor/plane-way.ts";
import { gatewayPort } from "../doctor/ports.ts";
import { report } from "../doctor/report.ts";
import { sockets } from "../doctor/sockets.ts";
import { units } from "../doctor/units.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { layoutOf } from "../layout.ts";
import { painter, printJson, wrapped } from "../printing.ts";

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion").addHelpText(
    "after",
    `
Alone it looks at everything that can be seen from outside, and asks the agent for its own checks. It changes nothing.
Exit codes: 0 nothing is wrong, 1 something is, 69 nothing is, and something could not be looked at.`,
  );
  addConfigOptions(command, SECTIONS);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const found = await lookAtAll(command, cli);
  if (command.opts()["json"] === true) {
    const { fail, unseen } = counts(found);
    printJson(cli.output, {
      ok: fail === 0 && unseen === 0,
      counts: counts(found),
      findings: gravestFirst(found),
    });
  } else cli.output.out(wrapped(report(found, painter(cli.output.colours.out), Date.now()), cli.output.columns));
  if (counted(found, "fail") > 0) return EXIT.notReady;
  return counted(found, "unseen") > 0 ? EXIT.unavailable : EXIT.ok;
}

function counts(found: readonly Found[]) {
  const of = (state: Found["state"]): number => counted(found, state);
  return { fail: of("fail"), unseen: of("unseen"), warn: of("warn"), ok: of("ok") };
}

/** All at once: each look has a deadline of its own, of seconds. */
async function lookAtAll(command: Command, cli: Cli): Promise<readonly Found[]> {
  const { found, way, loaded, cause } = await configuration(command, cli);
  // These have defaults: they are known also where the rest of the configuration is wrong.
  const config = await placesOf(command, cli);
  if (config === undefined) return [...found, ...(await units(cli.stop))];
  const layout = layoutOf(config.paths);
  const looks = await Promise.all([
    fromAgent(config.health.listen, layout.operatorsSocket, loaded?.file, cli.stop),
    sockets(layout, cli.stop),
    gatewayPort(config.gateway.listen, cli.stop).then((one) => [one]),
    units(cli.stop),
    way === undefined ? [] : planeWay(way, cli.stop),
  ]);
  const others = looks.flat();
  const isUp = others.some(({ name, state }) => name === "agent" && state !== "fail");
  return [...found, ...(cause === undefined || isUp ? others : becauseOf(cause, others))];
}

async function placesOf(command: Command, cli: Cli) {
  try {
    return (await configOf(command, cli, ["health", "paths", "gateway"])).config;
  } catch (failure) {
    if (failure instanceof ConfigInvalid) return undefined;
    throw failure;
  }
}
