import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { inTree } from "../../sandbox/stack/tree.ts";

/** Lines as a person pastes them, all into one shell, which stops at the first that fails. */
export async function paste(shell: string, lines: string) {
  const bin = await mkdtemp(join(tmpdir(), "pasted-"));
  try {
    await writeFile(join(bin, "npm"), await npmWithoutSetUp(), { mode: 0o755 });
    const env = { NO_COLOR: "1", PATH: `${bin}:${process.env["PATH"]}` };
    return await execa(shell, ["-e"], { input: lines, cwd: inTree("."), reject: false, timeout: 100_000, env });
  } finally {
    await rm(bin, { recursive: true });
  }
}

/** `npm run [--silent] NAME -- …` as npm does it, but for the set-up: that has been done. */
async function npmWithoutSetUp(): Promise<string> {
  const { scripts } = JSON.parse(await readFile(inTree("package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const programs = ["sandbox", "plane", "ci-build"].map((name) => {
    const [, program] = /^node tools\/setup\.mjs \w+ && exec (node \S+)$/.exec(scripts[name] ?? "") ?? [];
    if (program === undefined) throw new Error(`The script "${name}" has another form than this test knows`);
    return `${name}) exec ${program} "$@" ;;`;
  });
  return [
    "#!/bin/sh",
    'while [ "$1" != -- ]; do name=$1; shift; done; shift',
    'export npm_lifecycle_event="$name" INIT_CWD="$PWD"',
    `cd ${inTree(".")}`,
    `case $name in ${programs.join(" ")} esac`,
  ].join("\n");
}
