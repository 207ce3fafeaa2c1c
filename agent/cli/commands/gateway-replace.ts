import type { Command } from "commander";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { startAnotherGateway } from "../../adapters/systemd/gateway-unit.ts";
import { AgentError } from "../../core/errors.ts";
import { sessionsOpen } from "../../core/size-words.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { askAgent } from "../ask-agent.ts";
import { readStatus, type StatusAnswer } from "../ask-status.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { painter, printJson } from "../printing.ts";

/** Control may be just starting; a new gateway needs its certificate from the control plane. */
const TOLD_WITHIN_MS = 30_000;
const SERVES_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 200;
/** Control looks at as many. */
const MOST = 4;

type GatewayTold = NonNullable<StatusAnswer["gateway"]>;

export function define(command: Command): void {
  command.option("--json", "machine-readable, with a schemaVersion").addHelpText(
    "after",
    `
A new gateway is started from the installed program. Once it serves, the old one lets nobody more in, finishes what is open through it, and ends. One that does not come to serve changes nothing.
It keeps the unit's confinement as it was started; what a release changes of that takes systemctl restart builder-agent-gateway.service, which cuts what is open.
Where builder-agent run is the service manager: kill -USR2 its process.
Exit codes: 0 replaced, 69 not to be replaced now, or nobody answers, 75 it does not serve yet, 77 not permitted.`,
  );
  addConfigOptions(command, ["paths"]);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const layout = layoutOf(config.paths);
  const { output, stop } = cli;
  const before = await untilGateway(layout, () => true, TOLD_WITHIN_MS, stop);
  if (before === undefined) throw unseen();
  if (before.finishing.runIds.length + 1 >= MOST)
    throw new AgentError(
      "gateway.not-replaceable",
      `${MOST} gateways run already, of which ${MOST - 1} finish what is open through them (${sessionsOpen(before.finishing.sessions)}): try again once one has ended`,
      { retryable: true },
    );
  const beganMs = performance.now();
  await startAnotherGateway(stop);
  const after = await untilGateway(layout, (now) => now.runId !== before.runId, SERVES_WITHIN_MS, stop);
  const isJson = command.opts()["json"] === true;
  if (after === undefined) {
    if (isJson) printJson(output, { replaced: false, waitedMs: SERVES_WITHIN_MS });
    const paint = painter(output.colours.err);
    output.err(
      `${paint("yellow", "The new gateway does not serve")} after ${SERVES_WITHIN_MS / 1_000} s. The one that runs goes on as before, and the new one takes over once it can: see builder-agent logs --unit gateway\n`,
    );
    return EXIT.later;
  }
  const tookMs = Math.round(performance.now() - beganMs);
  const { sessions, runIds } = after.finishing;
  if (isJson) {
    printJson(output, { replaced: true, tookMs, finishing: { gateways: runIds.length, sessions } });
    return EXIT.ok;
  }
  const rest =
    sessions === 0
      ? "nothing was open through the one before it"
      : `the one before it goes on with ${sessionsOpen(sessions)}`;
  output.out(`A new gateway serves, ${tookMs} ms after it was asked for; ${rest}\n`);
  return EXIT.ok;
}

/** What control sees, once a gateway listens that is as wanted; undefined: not in this time. */
async function untilGateway(
  { operatorsSocket }: Layout,
  isWanted: (gateway: GatewayTold) => boolean,
  withinMs: number,
  stop: AbortSignal,
): Promise<GatewayTold | undefined> {
  const clock = systemClock();
  using deadline = new Deadline(withinMs, stop);
  while (!deadline.signal.aborted) {
    try {
      const report = await askAgent(operatorsSocket, (agent) => agent.health(deadline.signal));
      const status = readStatus(report, operatorsSocket);
      const gateway = status.is === "told" ? status.answer.gateway : undefined;
      if (gateway?.listening === true && isWanted(gateway)) return gateway;
    } catch (failure) {
      stop.throwIfAborted();
      // One that is just starting is asked again.
      if (!(failure instanceof AgentError) || !failure.retryable) throw failure;
    }
    await clock.sleep(LOOK_EVERY_MS, deadline.signal);
  }
  stop.throwIfAborted();
  return undefined;
}

const unseen = (): AgentError =>
  new AgentError(
    "gateway.not-replaceable",
    `Control sees no gateway that serves, ${TOLD_WITHIN_MS / 1_000} s long: builder-agent doctor says why`,
    { retryable: true },
  );
