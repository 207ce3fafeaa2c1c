import { access } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { journalLines } from "../../adapters/logs/journal.ts";
import { launcherLog } from "../../adapters/logs/launcher-log.ts";
import { fileLines } from "../../adapters/logs/log-file.ts";
import { entryInWords } from "../../adapters/telemetry/pretty-line.ts";
import { AgentError } from "../../core/errors.ts";
import {
  LOG_LEVELS,
  type LogEntry,
  type LogEntryLevel,
  passes,
  type RawLine,
  readLogLine,
} from "../../core/log-entry.ts";
import { eitherOf } from "../../lifecycle/deadline.ts";
import type { Cli } from "../cli.ts";
import { addConfigOptions, configOf } from "../config-options.ts";
import { durationOption } from "../duration-option.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { painter, printJsonLine, wrapped } from "../printing.ts";

/** All that belongs to the agent, as `journalctl --unit` takes it. */
const UNITS: Readonly<Record<string, readonly string[]>> = {
  control: ["builder-agent-control.service"],
  gateway: ["builder-agent-gateway.service"],
  buildkit: ["buildkitd.service"],
  volume: ["builder-agent-volume.service", "builder-agent-volume@*.service", "builder-agent-cache-watch.service"],
  network: ["builder-agent-network@*.service", "builder-agent-network-watch.service"],
  tailscale: ["tailscaled.service"],
  terminal: ["builder-agent-terminal@*.service"],
};
/** Who writes there under the launcher: one stream has them all. */
const WRITERS: Readonly<Record<string, readonly string[]>> = { buildkit: ["launcher", "buildkit"] };
const LINES_SHOWN = 500;

interface LogsOptions {
  readonly follow?: boolean;
  readonly since?: number;
  readonly unit?: readonly string[];
  readonly level?: LogEntryLevel;
  readonly build?: string;
  readonly lines: number;
  readonly file?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .option("-f, --follow", "go on with what is written from now on, until Ctrl-C")
    .addOption(new Option("--since <time>", "of the last 90s, 10m, 2h (default: this boot)").argParser(durationOption))
    .addOption(new Option("-u, --unit <name...>", "only theirs").choices(Object.keys(UNITS)))
    .addOption(new Option("--level <level>", "this grave, and graver").choices(LOG_LEVELS))
    .option("--build <id>", "only lines that name this build")
    .addOption(
      new Option("-n, --lines <count>", "as many of the last ones").default(LINES_SHOWN).argParser(countOption),
    )
    .option("--file <file>", "read this file, which a launcher has written (default: what this machine's agent writes)")
    .option("--json", "a JSON document a line, with a schemaVersion")
    .addHelpText("after", "\nExit codes: 0 told, 69 there is no log to read.");
  addConfigOptions(command, ["paths"]);
}

/** @throws {InvalidArgumentError} */
function countOption(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError("A whole number from 1 is wanted.");
  return Number(text);
}

export async function run(command: Command, cli: Cli): Promise<ExitCode> {
  const { config } = await configOf(command, cli, ["paths"]);
  const options = command.opts<LogsOptions>();
  const over = eitherOf(cli.stop, cli.output.unread);
  const sinceMs = options.since === undefined ? undefined : Date.now() - options.since;
  const { lines, isOneStream } = await source(options, sinceMs, layoutOf(config.paths), cli, over);
  const filter = {
    ...(options.level !== undefined && { level: options.level }),
    ...(options.build !== undefined && { build: options.build }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(isOneStream && { by: (options.unit ?? []).flatMap((unit) => WRITERS[unit] ?? [unit]) }),
  };
  const last: LogEntry[] = [];
  for await (const line of lines) {
    const entry = readLogLine(line);
    if (!passes(entry, filter)) continue;
    if (options.follow === true) show(entry, options, cli);
    else if (last.push(entry) > options.lines) last.shift();
  }
  for (const entry of last) show(entry, options, cli);
  return EXIT.ok;
}

interface Source {
  readonly lines: AsyncIterable<RawLine>;
  /** Everybody's lines come in it, and must be told apart by who wrote them. */
  readonly isOneStream: boolean;
}

async function source(
  { file, follow = false, unit = Object.keys(UNITS) }: LogsOptions,
  sinceMs: number | undefined,
  { managerSocket }: Layout,
  { output, environment }: Cli,
  signal: AbortSignal,
): Promise<Source> {
  const found = file ?? (await launcherLog(managerSocket));
  if (found !== undefined) return { lines: fileLines(found, follow, signal), isOneStream: true };
  if (!(await isThere(SYSTEMD))) {
    const message = `There is no log to read: this machine runs no systemd, and no launcher here writes to a file. builder-agent run writes its log to standard output: look where that goes, and name the file with --file`;
    throw new AgentError("logs.nowhere", message, { retryable: true });
  }
  const complain = (text: string): void => output.err(`builder-agent: journalctl says: ${text}\n`);
  const units = unit.flatMap((name) => UNITS[name] ?? []);
  return {
    lines: journalLines({ units, sinceMs, follow, path: environment["PATH"] }, complain, signal),
    isOneStream: false,
  };
}

/** sd_booted(3) */
const SYSTEMD = "/run/systemd/system";

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function show(entry: LogEntry, { json }: LogsOptions, { output }: Cli): void {
  if (json === true) printJsonLine(output, { ...entry });
  else output.out(`${wrapped(entryInWords(entry, painter(output.colours.out)), output.columns)}\n`);
}
