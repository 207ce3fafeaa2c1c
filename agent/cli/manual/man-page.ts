import { KEYS } from "../config/keys.ts";
import { type Described, type DescribedOption, flat } from "./command-tree.ts";

export interface ManPageFacts {
  readonly version: string;
  /** What the program says of itself. */
  readonly description: string;
  /** "0 good", "1 not ready", … */
  readonly exitCodes: readonly string[];
}

/** The manual, in man(7), section 8: made from the commands, so that it says what they do. */
export function manPage(tree: readonly Described[], { version, description, exitCodes }: ManPageFacts): string {
  return [
    `.TH BUILDER\\-AGENT 8 "" "builder\\-agent ${escaped(version)}" "System Administration"`,
    ".SH NAME",
    "builder\\-agent \\- the agent of a builder VM",
    ".SH SYNOPSIS",
    ".B builder\\-agent",
    "[\\fB\\-h\\fR | \\fB\\-V\\fR] \\fIcommand\\fR [\\fIoption\\fR ...]",
    ".SH DESCRIPTION",
    text(description),
    ".PP",
    text(
      "It is at work as services of systemd (builder-agent.target), or under builder-agent run on a machine without systemd. The other commands ask it, or look at what it has made.",
    ),
    ".SH COMMANDS",
    ...flat(tree).flatMap(commandLines),
    ".SH CONFIGURATION",
    text(
      "Each key is one of the TOML file, a flag and an environment variable: gateway.listen is --gateway-listen and BUILDER_AGENT_GATEWAY_LISTEN. The first of flag, variable, file and default that gives a value wins.",
    ),
    ...KEYS.flatMap(({ path, description: what, defaultText }) => [
      ".TP",
      `.B ${escaped(path)}`,
      text(`${what}${defaultText === undefined ? "" : ` Default: ${defaultText}.`}`),
    ]),
    ".SH EXIT STATUS",
    ...exitCodes.flatMap((line) => {
      const [code = "", ...words] = line.split(" ");
      return [".TP", `.B ${code}`, text(words.join(" "))];
    }),
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => [".TP", `.I ${escaped(path)}`, text(what)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, what]) => [".TP", `.B ${escaped(name)}`, text(what)]),
    ".SH SEE ALSO",
    ".BR systemctl (1),",
    ".BR journalctl (1),",
    ".BR buildctl (1)",
    "",
  ].join("\n");
}

const FILES = [
  [
    "/etc/builder-agent/config.toml",
    "The configuration, to be made from config.toml.example beside it. Nothing starts before it is there.",
  ],
  [
    "/run/builder-agent/operators/operators.sock",
    "Where drain, reconnect and status ask. Root and the group builder-agent-operators may.",
  ],
  ["/var/lib/builder-agent", "What survives a restart of the machine."],
  [
    "/usr/share/doc/builder-agent/operations.md",
    "For whoever runs such machines; runbook.md beside it has each check.",
  ],
] as const;

const ENVIRONMENT = [
  ["BUILDER_AGENT_CONFIG", "Names the configuration file, as --config does."],
  ["NO_COLOR", "Set to anything: no colours."],
] as const;

function commandLines({ path, summary, options, notes, under }: Described): readonly string[] {
  const own = options.filter(({ isConfiguration }) => !isConfiguration);
  const takesKeys = options.length > own.length;
  return [
    `.SS builder\\-agent ${escaped(path)}${under.length > 0 ? " ..." : ""}`,
    text(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`),
    ...own.flatMap(optionLines),
    ...(takesKeys ? [".PP", text("It takes flags for keys of the configuration as well: see its --help.")] : []),
    ...(notes === "" ? [] : notes.split("\n").flatMap((line) => [".PP", text(line)])),
  ];
}

function optionLines({ flags, description }: DescribedOption): readonly string[] {
  return [".TP", `.B ${escaped(flags)}`, text(description)];
}

/** A paragraph: no line of it may look like a request, and nothing in it like an escape. */
function text(words: string): string {
  const line = escaped(words);
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function escaped(words: string): string {
  return words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("“", "\\(lq")
    .replaceAll("”", "\\(rq")
    .replaceAll("…", "...");
}
