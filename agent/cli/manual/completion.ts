import type { Described, DescribedOption } from "./command-tree.ts";
import { flat } from "./command-tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that teaches a shell to complete the program's commands, options and their values. */
export function completion(shell: Shell, tree: readonly Described[]): string {
  const root: Described = { name: "", path: "", summary: "", options: [], notes: "", under: tree };
  const commands = [root, ...flat(tree)];
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
    default:
      return shell satisfies never;
  }
}

function bash(commands: readonly Described[]): string {
  return `\
# bash completion of builder-agent; made by: builder-agent completion bash
_builder_agent() {
  local at="" word current=\${COMP_WORDS[COMP_CWORD]} words=""
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in
      ${places(commands)}) at="$at/$word" ;;
    esac
  done
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${values(commands, (choices) => `words="${choices.join(" ")}"`, 'COMPREPLY=($(compgen -f -- "$current")); return')}
    *)
      case "$at" in
${commands.map((one) => `        "${placeOf(one)}") words="${wordsOf(one).join(" ")}" ;;`).join("\n")}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _builder_agent builder-agent
`;
}

function zsh(commands: readonly Described[]): string {
  const described = (one: Described): string =>
    [
      ...one.under.map(({ name, summary }) => quoted(`${name}:${summary}`)),
      ...one.options.map(({ long, description }) => quoted(`${long}:${description}`)),
    ].join(" ");
  return `\
#compdef builder-agent
# zsh completion of builder-agent; made by: builder-agent completion zsh
_builder_agent() {
  local at="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      ${places(commands)}) at="$at/$word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${values(commands, (choices) => `compadd -- ${choices.join(" ")}; return`, "_files; return")}
  esac
  case "$at" in
${commands.map((one) => `    "${placeOf(one)}") found=(${described(one)}) ;;`).join("\n")}
  esac
  _describe builder-agent found
}
if [ "$funcstack[1]" = _builder_agent ]; then _builder_agent "$@"; else compdef _builder_agent builder-agent; fi
`;
}

function fish(commands: readonly Described[]): string {
  const lines = commands.flatMap((one) => {
    const here = `complete -c builder-agent -n 'test (__builder_agent_at) = "at${placeOf(one)}"'`;
    return [
      ...one.under.map(({ name, summary }) => `${here} -a ${name} -d ${quoted(summary)}`),
      ...one.options.map((option) => `${here}${optionOfFish(option)} -d ${quoted(option.description)}`),
    ];
  });
  return `\
# fish completion of builder-agent; made by: builder-agent completion fish
function __builder_agent_at
  set -l at
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case ${places(commands).replaceAll("|", " ")}
        set at "$at/$word"
    end
  end
  echo "at$at"
end
complete -c builder-agent -f
${lines.join("\n")}
`;
}

function optionOfFish({ long, short, takesValue, choices }: DescribedOption): string {
  const names = ` -l ${long.slice(2)}${short === undefined ? "" : ` -s ${short.slice(1)}`}`;
  if (!takesValue) return names;
  return choices.length > 0 ? `${names} -x -a '${choices.join(" ")}'` : `${names} -r`;
}

/** "/config/check"; "" for the program itself. */
function placeOf({ path }: Described): string {
  return path === "" ? "" : `/${path.replaceAll(" ", "/")}`;
}

/** As a pattern of a shell's case. */
function places(commands: readonly Described[]): string {
  return commands
    .map(placeOf)
    .filter((place) => place !== "")
    .map((place) => `"${place}"`)
    .join("|");
}

/** The lines of a case for what follows an option: one of its choices, or else a file's name. */
function values(commands: readonly Described[], offer: (choices: readonly string[]) => string, files: string): string {
  return commands
    .flatMap((one) => one.options.filter(({ takesValue }) => takesValue).map((option) => ({ one, option })))
    .map(({ one, option: { long, short, choices } }) => {
      const names = [long, ...(short === undefined ? [] : [short])].map((name) => `"${placeOf(one)} ${name}"`);
      return `    ${names.join("|")}) ${choices.length > 0 ? offer(choices) : files} ;;`;
    })
    .join("\n");
}

function wordsOf({ under, options }: Described): readonly string[] {
  return [...under.map(({ name }) => name), ...options.map(({ long }) => long)];
}

/** For all three shells: what stands between single quotes, and none within. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’").replaceAll("\\", "")}'`;
}
