import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type BundleReport, type MadeBundle, makeBundle } from "../../adapters/bundle/make-bundle.ts";
import { sparingMemory } from "../../adapters/bundle/sparing-memory.ts";
import { agentVersion } from "../../adapters/machine/versions.ts";
import { askedAgent } from "../../adapters/operators/asked-agent.ts";
import { bundleName } from "../../core/bundle/name.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import { CONTRACT } from "../../core/machine.ts";
import { bundleCollectors } from "../bundle/collectors.ts";
import { situate } from "../bundle/places.ts";
import { searchedSecrets } from "../bundle/secrets.ts";
import { outputPath, writeFileOut, writeStreamOut } from "../bundle/write-out.ts";
import type { Cli } from "../cli.ts";
import { SECTIONS } from "../config/keys.ts";
import { addConfigOptions } from "../config-options.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { columns, painter, printJson } from "../printing.ts";

const STANDARD_OUTPUT = "-";
const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

interface Options {
  readonly output?: string;
  readonly list?: true;
  readonly json?: true;
  readonly logHours: number;
  readonly logMib: number;
  readonly unsearched?: true;
}

export function define(command: Command): void {
  command
    .option("--output <file>", 'where to write it, or a folder; "-" is standard output (default: a new file, here)')
    .option("--list", "say what would go in, and make nothing")
    .option("--json", "with --list: machine-readable, with a schemaVersion")
    .addOption(new Option("--log-hours <number>", "how far back the logs go").argParser(positive).default(24))
    .addOption(new Option("--log-mib <number>", "how much of each log at most, in MiB").argParser(positive).default(64))
    .option("--unsearched", "take other programs' words also where not every secret could be searched for in them");
  addConfigOptions(command, SECTIONS);
}

/** 0, whatever is missing: what is, it tells. 73: it could not be written. */
export function run(command: Command, cli: Cli): Promise<ExitCode> {
  return sparingMemory(() => make(command, cli));
}

async function make(command: Command, cli: Cli): Promise<ExitCode> {
  const options = command.opts<Options>();
  const { config, places } = await situate(command, cli);
  const nowMs = Date.now();
  const logs = { logSinceMs: nowMs - options.logHours * HOUR_MS, logMaxBytes: options.logMib * MIB };
  const collectors = bundleCollectors({ ...places, config, ...logs });
  if (options.list === true) {
    const entries = collectors.map(({ path, what, kind }) => ({ path: kind === "document" ? path : `${path}/`, what }));
    if (options.json === true) printJson(cli.output, { entries });
    else cli.output.out(columns(entries.map(({ path, what }) => [path, what])));
    return EXIT.ok;
  }
  refuseTerminal(options, cli);
  const { layout } = places;
  const searched = await searchedSecrets({ layout, config, args: process.argv.slice(2), environment: cli.environment });
  const name = bundleName(searched.machineId ?? hostname(), nowMs, randomBytes(8));
  const marked = await mark(layout.operatorsSocket, name.marker, cli.stop);
  const bundle = makeBundle({
    name,
    about: {
      ...{ madeBy: "builder-agent bundle", logged: marked, agent: agentVersion(), contract: CONTRACT },
      ...{ node: process.versions.node, hostname: hostname(), uid: process.getuid?.(), machineId: searched.machineId },
    },
    collectors,
    secrets: searched.secrets,
    ...(options.unsearched !== true && searched.unsearchable !== undefined && { unsearchable: searched.unsearchable }),
    nowMs: Date.now,
    signal: cli.stop,
  });
  const written = await write(options.output, `${name.folder}.tar.gz`, bundle, cli);
  const tell = written === undefined ? cli.output.err : cli.output.out;
  tell(summary(written ?? "standard output", name.marker, marked, bundle.report(), cli));
  return EXIT.ok;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 100_000)
    throw new InvalidArgumentError("It must be a whole number from 1 to 100000.");
  return number;
}

function refuseTerminal({ output }: Options, cli: Cli): void {
  if (output === STANDARD_OUTPUT && cli.output.columns !== undefined)
    throw new AgentError(
      "bundle.cannot-write",
      "Standard output is a terminal, which no archive is for: put a file or a program behind it",
      { retryable: false },
    );
}

/** Undefined: to standard output. */
async function write(
  output: string | undefined,
  fileName: string,
  { bytes }: MadeBundle,
  cli: Cli,
): Promise<string | undefined> {
  if (output === STANDARD_OUTPUT) {
    await writeStreamOut(process.stdout, bytes, cli.stop);
    return undefined;
  }
  const path = await outputPath(output ?? ".", fileName);
  await writeFileOut(path, bytes, cli.stop);
  return path;
}

/** "yes", or why the agent's log does not have the marker. */
async function mark(socketPath: string, marker: string, signal: AbortSignal): Promise<string> {
  try {
    await askedAgent(socketPath).mark(marker, signal);
    return "yes";
  } catch (failure) {
    signal.throwIfAborted();
    return inWords(failure);
  }
}

function summary(
  where: string,
  marker: string,
  marked: string,
  { files, lacks, withheld }: BundleReport,
  cli: Cli,
): string {
  const paint = painter(cli.output.colours.out);
  const logged = marked === "yes" ? "The agent's log has it, too." : `The agent's log does not have it: ${marked}`;
  const missing = lacks.map(({ path, how, because }) => [
    `  ${path}`,
    how,
    because.split("\n")[0]?.slice(0, 120) ?? "",
  ]);
  return [
    `${paint("bold", where)}: ${files} files\n${paint("bold", marker)}: name this to support. ${logged}\n`,
    ...(missing.length === 0 ? [] : [`\nNot in it (errors.txt):\n${columns(missing)}`]),
    `\n${foundWords(withheld)}. Look through it before it leaves your hands: it names hosts, addresses and builds.\n`,
  ].join("");
}

function foundWords(count: number): string {
  if (count === 0) return "No secret was found in it";
  return `${count === 1 ? "1 secret was" : `${count} secrets were`} found and taken out (redactions.json)`;
}
