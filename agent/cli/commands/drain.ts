import { userInfo } from "node:os";
import { type Command, Option } from "commander";
import type { DrainWish } from "../../ports/operators.ts";
import { askAgent } from "../ask-agent.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { DrainView } from "../drain-view.ts";
import { durationOption } from "../duration-option.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { untilEnded } from "../until-ended.ts";

interface DrainOptions {
  readonly deadline?: number;
  readonly now?: true;
  readonly watch?: true;
  readonly detach?: true;
  readonly reason?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .addOption(
      new Option(
        "--deadline <time>",
        "cut what is still open after this long: 90s, 10m (default: drain.graceMs; on a machine that drains already, what an earlier order left)",
      ).argParser(durationOption),
    )
    .addOption(new Option("--now", "cut what is open at once, and hurry").conflicts("deadline"))
    .option("--reason <text>", "why, for status, log and control plane")
    .addOption(new Option("--watch", "stay and tell of the progress until the agent has ended (default)"))
    .addOption(new Option("--detach", "return as soon as it is ordered").conflicts("watch"))
    .option("--json", "machine-readable, with a schemaVersion; while it watches one document a line")
    .addHelpText(
      "after",
      `
Nothing takes a drain back: Ctrl-C ends the watching alone. A second drain can only bring the deadline nearer.
Exit codes: 0 drained (with --detach: ordered), 1 ended and not drained: it says what was not done, 69 nobody answers, 75 not watched to the end, 77 refused or not permitted.`,
    );
  addConfigOptions(command, ["paths"]);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const layout = layoutOf(config.paths);
  const options = command.opts<DrainOptions>();
  const wish: DrainWish = {
    graceMs: options.now === true ? 0 : options.deadline,
    hurry: options.now === true,
    reason: reasonOf(options.reason, cli.environment),
  };
  const view = new DrainView(cli.output, options.json === true);
  return options.detach === true ? order(layout, wish, view, cli) : orderAndWatch(layout, wish, view, cli);
}

async function order({ operatorsSocket }: Layout, wish: DrainWish, view: DrainView, { stop }: Cli): Promise<ExitCode> {
  view.ordered(await askAgent(operatorsSocket, (agent) => agent.drain(wish, stop)));
  return EXIT.ok;
}

async function orderAndWatch(layout: Layout, wish: DrainWish, view: DrainView, { stop }: Cli): Promise<ExitCode> {
  try {
    const tell = view.progress.bind(view);
    const outcome = await askAgent(layout.operatorsSocket, (agent) => agent.drainAndWatch(wish, tell, stop));
    view.over(outcome, await untilEnded(layout, stop));
    if (outcome.ended === "refused") return EXIT.refused;
    return outcome.undone.length === 0 ? EXIT.ok : EXIT.notDrained;
  } catch (failure) {
    if (!stop.aborted) {
      view.failed();
      throw failure;
    }
    view.left();
    return EXIT.later;
  }
}

/** Who it was, by the name that they go by: for people, and no proof. */
function reasonOf(text: string | undefined, environment: Cli["environment"]): string {
  const who = environment["SUDO_USER"] ?? nameOfUser();
  return text === undefined ? `ordered by ${who}` : `${text} (${who})`;
}

/** A user without an entry in passwd has a number only. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
