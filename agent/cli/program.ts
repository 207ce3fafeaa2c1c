import { Command, CommanderError } from "commander";
import { shownWords } from "../core/shown-words.ts";
import type { Cli, CommandModule, Entry } from "./cli.ts";
import { nearestName } from "./config/nearest.ts";
import { describeFailure, failureJson } from "./describe-failure.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { painter, printJsonLine, wrapped } from "./printing.ts";

const ENTRIES: readonly Entry[] = [
  {
    name: "run",
    summary: "run gateway, control and buildkitd, on a machine without systemd",
    load: () => import("./commands/run.ts"),
  },
  {
    name: "gateway",
    summary: "let open builds in over mutual TLS and hand them to BuildKit",
    load: () => import("./commands/gateway.ts"),
    under: [
      {
        name: "replace",
        summary: "start another gateway, which serves, while the one before finishes what is open through it",
        load: () => import("./commands/gateway-replace.ts"),
      },
    ],
  },
  {
    name: "control",
    summary: "prove this machine to the control plane and do what it wants",
    load: () => import("./commands/control.ts"),
  },
  {
    name: "status",
    summary: "show how the running agent is; exit 0 only if it is ready",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "drain",
    summary: "let open builds finish, then end the agent; shows how far it is",
    load: () => import("./commands/drain.ts"),
  },
  {
    name: "reconnect",
    summary: "try the control plane now, and say what came of it",
    load: () => import("./commands/reconnect.ts"),
  },
  {
    name: "logs",
    summary: "what the agent and its daemons have written, for people to read",
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "buildkit",
    summary: "what the service manager runs as root around buildkitd",
    under: [
      {
        name: "prepare",
        summary: "judge the proposed configuration and mend the cache before a start",
        load: () => import("./commands/buildkit-prepare.ts"),
      },
      {
        name: "ended",
        summary: "note how it ended, from $SERVICE_RESULT and $EXIT_STATUS",
        load: () => import("./commands/buildkit-ended.ts"),
      },
      {
        name: "sweep",
        summary: "delete what was set aside of damaged caches",
        load: () => import("./commands/buildkit-sweep.ts"),
      },
      {
        name: "metrics",
        summary: "give BuildKit's own metrics to who connects to an inherited socket, and no other of its debug pages",
        load: () => import("./commands/buildkit-metrics.ts"),
      },
    ],
  },
  {
    name: "volume",
    summary: "the encrypted cache volume: what is open, what would be done, and what systemd runs as root",
    under: [
      { name: "show", summary: "what is open", load: () => import("./commands/volume-show.ts") },
      {
        name: "open",
        summary: "what an order would do to a device, and the exact commands (--dry-run)",
        load: () => import("./commands/volume-open.ts"),
      },
      {
        name: "serve",
        summary: "carry out the one order that comes over a connection",
        load: () => import("./commands/volume-serve.ts"),
      },
      { name: "check", summary: "exit 0 only if a volume is open", load: () => import("./commands/volume-check.ts") },
      {
        name: "close",
        summary: "close the volume, and erase it if it is a per-boot one",
        load: () => import("./commands/volume-close.ts"),
      },
    ],
  },
  {
    name: "network",
    summary: "the network of builds: what is in force, and what systemd runs as root",
    under: [
      {
        name: "show",
        summary: "what is in force; exit 0 only if the guard is",
        load: () => import("./commands/network-show.ts"),
      },
      {
        name: "serve",
        summary: "carry out the one order that comes over a connection",
        load: () => import("./commands/network-serve.ts"),
      },
      {
        name: "ensure",
        summary: "put in force what was applied last, before BuildKit starts",
        load: () => import("./commands/network-ensure.ts"),
      },
      {
        name: "restore",
        summary: "put in force what was applied last, if anything was, after somebody changed it",
        load: () => import("./commands/network-restore.ts"),
      },
      {
        name: "close",
        summary: "close the tailnet to builds, and leave the rest as it is",
        load: () => import("./commands/network-close.ts"),
      },
      {
        name: "probe",
        summary: "try what a plan on standard input names, from the network that it is started in",
        load: () => import("./commands/network-probe.ts"),
        hidden: true,
      },
    ],
  },
  {
    name: "terminal",
    summary: "the debug terminal: what systemd or the launcher runs",
    hidden: true,
    under: [
      {
        name: "serve",
        summary: "hold one terminal for whoever is connected, until either ends it",
        load: () => import("./commands/terminal-serve.ts"),
      },
    ],
  },
  {
    name: "doctor",
    summary: "look at everything from outside, and say what is wrong and what to do next",
    load: () => import("./commands/doctor.ts"),
    under: [
      {
        name: "isolation",
        summary: "try from inside a build's network what must be refused and what must be reached",
        load: () => import("./commands/doctor-isolation.ts"),
      },
    ],
  },
  {
    name: "config",
    summary: "check and show the configuration",
    under: [
      { name: "check", summary: "say whether it is right", load: () => import("./commands/config-check.ts") },
      { name: "show", summary: "each value and where it came from", load: () => import("./commands/config-show.ts") },
      { name: "schema", summary: "the JSON Schema of the file", load: () => import("./commands/config-schema.ts") },
    ],
  },
  {
    name: "bundle",
    summary: "put all that support needs into one archive, without secrets",
    load: () => import("./commands/bundle.ts"),
  },
  { name: "version", summary: "show the agent's version", load: () => import("./commands/version.ts") },
  {
    name: "completion",
    summary: "print what bash, zsh or fish need to complete these commands",
    load: async () => (await import("./commands/completion.ts")).completionOf(ENTRIES),
  },
  {
    name: "man",
    summary: "print the manual page",
    load: async () =>
      (await import("./commands/man.ts")).manOf(ENTRIES, { description: DESCRIPTION, exitCodes: EXIT_CODES }),
    hidden: true,
  },
];

const DESCRIPTION = "The agent of a builder VM: proves its machine, lets open builds in, and runs BuildKit for them.";

const FIRST_WORDS =
  "On a new machine, or one that is not well: builder-agent doctor. It says what is wrong, and what to do next.";

const EXIT_CODES = [
  "0 good",
  "1 not ready",
  "64 wrong command line",
  "65 the cache volume refused",
  "69 no answer",
  "70 a defect",
  "73 the output cannot be written",
  "75 not over yet",
  "77 refused by the control plane or not permitted",
  "78 wrong configuration",
];

/**
 * Runs one command line (without node and the script) and gives the code to exit with. Never
 * throws. To be told to end before it had begun is a good end.
 */
export async function runProgram(argv: readonly string[], cli: Cli): Promise<number> {
  let code: number = EXIT.ok;
  const program = configured(new Command("builder-agent"), cli)
    .description(DESCRIPTION)
    .option("-V, --version", "show the agent's version")
    .addHelpText("after", `\n${FIRST_WORDS}\nExit codes: ${EXIT_CODES.join(", ")}.`);
  addEntries(program, ENTRIES, cli, (ended) => {
    code = ended;
  });
  try {
    const stranger = strangerIn(argv);
    if (stranger !== undefined) return unknownCommand(stranger, cli);
    await program.parseAsync(VERSION_FLAGS.includes(argv[0] ?? "") ? ["version", ...argv.slice(1)] : argv, {
      from: "user",
    });
    return code;
  } catch (failure) {
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (cli.stop.aborted && failure instanceof Error && failure.name === "AbortError") return EXIT.ok;
    const paint = painter(cli.output.colours.err);
    if (argv.includes("--json")) printJsonLine(cli.output, { error: failureJson(failure) });
    const told = `${paint("red", "builder-agent:")} ${describeFailure(failure, argv.includes("--debug"))}\n`;
    cli.output.err(wrapped(told, cli.output.columns));
    return exitCodeOf(failure);
  }
}

const VERSION_FLAGS = ["-V", "--version"];

interface Stranger {
  readonly word: string;
  readonly known: readonly string[];
}

/**
 * The word that names no command, where commander would pass it over: behind `help`, and behind a
 * command that does something by itself and has others under it.
 */
function strangerIn(argv: readonly string[]): Stranger | undefined {
  const isHelp = argv[0] === "help";
  let [among, isPassedOver] = [ENTRIES, isHelp];
  for (const word of isHelp ? argv.slice(1) : argv.slice(0, 2)) {
    if (word.startsWith("-") || word === "help") return undefined;
    const entry = among.find(({ name }) => name === word);
    if (entry === undefined) return isPassedOver ? { word, known: among.map(({ name }) => name) } : undefined;
    if (entry.under === undefined) return undefined;
    [among, isPassedOver] = [entry.under, isHelp || entry.load !== undefined];
  }
  return undefined;
}

function unknownCommand({ word, known }: Stranger, { output }: Cli): number {
  const nearest = nearestName(word, known);
  const meant = nearest === undefined ? "" : `\n(Did you mean ${nearest}?)`;
  output.err(`builder-agent: unknown command '${shownWords(word)}'${meant}\n(--help shows what there is)\n`);
  return EXIT.usage;
}

/**
 * A command's module is loaded between its name and its options, so that no command pays for
 * another's imports.
 */
function addEntries(parent: Command, entries: readonly Entry[], cli: Cli, ended: (code: number) => void): void {
  const loads = new Map<Command, () => Promise<CommandModule>>();
  for (const { name, summary, load, under, hidden = false } of entries) {
    const command = configured(parent.command(name, { hidden }), cli).summary(summary).description(sentence(summary));
    if (under !== undefined) addEntries(command, under, cli, ended);
    if (load !== undefined) loads.set(command, load);
  }
  parent.hook("preSubcommand", async (_parent, command) => {
    const module = await loads.get(command)?.();
    if (module === undefined) return;
    module.define(command);
    if (command.commands.length === 0) command.helpCommand(false);
    command.action(async () => ended(await module.run(command, cli)));
  });
}

function configured(command: Command, { output }: Cli): Command {
  return (
    command
      .exitOverride()
      // An option belongs to the command that it stands behind: `doctor isolation --json`.
      .enablePositionalOptions()
      .allowExcessArguments(false)
      .helpOption("-h, --help", "show this help")
      .helpCommand("help [command]", "show the help of a command")
      .showHelpAfterError("(--help shows what there is)")
      .configureOutput({
        writeOut: output.out,
        writeErr: output.err,
        outputError: (text, write) => write(withoutValues(text).replace(/^error:/, "builder-agent:")),
        getOutHelpWidth: () => output.columns ?? 120,
        getErrHelpWidth: () => 120,
        getOutHasColors: () => output.colours.out,
        getErrHasColors: () => output.colours.err,
      })
  );
}

/** What was given to an option that does not exist may be a secret; its name is what helps. */
function withoutValues(text: string): string {
  return shownWords(text.replace(/^(error: unknown option '[^=]*=).*'$/ms, "$1…'"));
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
