import type { LentBuild } from "../admin/request.ts";

/** The shells whose language is spoken: "sh" is also that of bash, zsh, dash and ksh. */
export const SHELLS = ["sh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Lines that make a shell's further commands clients of a build, as `eval` takes them. */
export function exportsFor({ variables, binDir }: LentBuild, shell: Shell): string {
  const [set, quote, path] = SPEECH[shell];
  const lines = Object.entries(variables).map(([name, value]) => set(name, quote(value)));
  return [...lines, set("PATH", path(quote(binDir)))].join("\n");
}

type Speech = readonly [
  set: (name: string, quoted: string) => string,
  quote: (text: string) => string,
  path: (quoted: string) => string,
];

const SPEECH: Readonly<Record<Shell, Speech>> = {
  sh: [
    (name, quoted) => `export ${name}=${quoted}`,
    (text) => `'${text.replaceAll("'", `'\\''`)}'`,
    (quoted) => `${quoted}:"$PATH"`,
  ],
  fish: [
    (name, quoted) => `set -gx ${name} ${quoted};`,
    (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
    (quoted) => `${quoted} $PATH`,
  ],
};
