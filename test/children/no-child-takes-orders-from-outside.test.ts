import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Each would make a program, or its loader, do something else, if it were handed on. */
const HOSTILE_ENVIRONMENT = {
  NODE_OPTIONS: "--require=/nonexistent/stolen.js",
  LD_PRELOAD: "/nonexistent/stolen.so",
  LD_LIBRARY_PATH: "/nonexistent",
  BASH_ENV: "/nonexistent/stolen.sh",
  ENV: "/nonexistent/stolen.sh",
  IFS: "/",
  GIT_SSH_COMMAND: "/nonexistent/stolen",
  GIT_CONFIG_COUNT: "1",
  TAR_OPTIONS: "--to-command=/nonexistent/stolen",
  GODEBUG: "netdns=cgo",
  SSLKEYLOGFILE: "/nonexistent/keys",
  HTTPS_PROXY: "http://192.0.2.1:1",
  ALL_PROXY: "http://192.0.2.1:1",
  LANG: "xx_XX.UTF-8",
  SYSTEMD_PAGER: "false",
  BUILDER_AGENT_SECRET: "word",
};
/** What a name from outside may look like. */
const HOSTILE_WORDS = ["--force", "-rf a\nb", "$(id)`id`;id'\"", "../../%n%i"];

const signal = new AbortController().signal;
let folder: string;
let before: NodeJS.ProcessEnv;

/** Stands in for every program: it writes down how it was called, and says nothing. */
const RECORDER = `#!${process.execPath}
require("node:fs").appendFileSync(process.argv[1] + ".log", JSON.stringify({ args: process.argv.slice(2), env: process.env }) + "\\n");
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "children-"));
  await writeFile(join(folder, "recorder"), RECORDER);
  await chmod(join(folder, "recorder"), 0o755);
  for (const name of ["systemctl", "journalctl", "flock", "ip", "setpriv", "buildkitd"])
    await symlink("recorder", join(folder, name));
  before = { ...process.env };
  // Before anything is loaded that keeps what it finds there.
  Object.assign(process.env, HOSTILE_ENVIRONMENT, { PATH: folder });
});

afterAll(async () => {
  for (const name of Object.keys(HOSTILE_ENVIRONMENT)) delete process.env[name];
  Object.assign(process.env, before);
  await rm(folder, { recursive: true, force: true });
});

interface Called {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function callsOf(program: string): Promise<readonly Called[]> {
  const file = join(folder, `${program}.log`);
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  await rm(file);
  return lines.map((line) => JSON.parse(line) as Called);
}

/** Each as whoever starts it does, with a word from outside where it takes one. */
const STARTED: readonly { readonly program: string; readonly start: (word: string) => Promise<unknown> }[] = [
  {
    program: "systemctl",
    start: async (word) => (await import("../../agent/adapters/systemd/systemctl.ts")).systemctl("start", word, signal),
  },
  {
    program: "systemctl",
    start: async (word) =>
      (await import("../../agent/adapters/systemd/systemctl.ts")).showUnits([word], ["Id"], signal),
  },
  {
    program: "journalctl",
    start: async (word) => (await import("../../agent/adapters/systemd/journal.ts")).lastWords(word, signal),
  },
  {
    program: "journalctl",
    start: async (word) => {
      const { journalLines } = await import("../../agent/adapters/logs/journal.ts");
      for await (const line of journalLines({ units: [word], follow: false, path: folder }, () => undefined, signal))
        void line;
    },
  },
  {
    program: "flock",
    start: async (word) => {
      const root = join(folder, `root-${word.replaceAll("/", "_")}`);
      await mkdir(root, { recursive: true });
      await writeFile(join(root, "buildkitd.lock"), "");
      await (await import("../../agent/adapters/buildkit/in-use.ts")).refuseIfRunning(root, signal);
    },
  },
  {
    program: "ip",
    start: async (word) =>
      (await import("../../agent/adapters/network/run-tool.ts")).runTool("ip", ["link", "show", "dev", word], signal),
  },
  {
    program: "buildkitd",
    start: async () =>
      (await import("../../agent/adapters/machine/versions.ts")).buildkitVersion(join(folder, "buildkitd")),
  },
  {
    program: "journalctl",
    start: async (word) => {
      const { programOutput } = await import("../../agent/adapters/bundle/program-output.ts");
      for await (const bytes of programOutput("journalctl", [`--unit=${word}`], signal)) void bytes;
    },
  },
  {
    program: "setpriv",
    start: async (word) =>
      (await import("../../agent/adapters/network-probe/command.ts")).run(
        { program: "ip", args: [word], input: "" },
        signal,
      ),
  },
];

describe.each(STARTED)("$program", ({ program, start }) => {
  it("has an environment of ours alone", async () => {
    await start("word");
    for (const { env } of await callsOf(program)) expect(Object.keys(env).toSorted()).toEqual(["LC_ALL", "PATH"]);
  });

  it("takes a word from outside for no option of its own, and for one word", async () => {
    for (const word of HOSTILE_WORDS) {
      await start(word);
      for (const { args } of await callsOf(program)) {
        const at = args.findIndex((arg) => arg.includes(word));
        if (at === -1) continue;
        const isAttached = /^--[a-z-]+=|^_[A-Z_]+=|^\//.test(args[at] ?? "");
        const isBehindTheEnd = args.slice(0, at).includes("--") || args[at - 1] === "dev";
        expect(isAttached || isBehindTheEnd, `${word} in ${JSON.stringify(args)}`).toBe(true);
      }
    }
  });
});

describe("in the code", () => {
  it("every child that the agent starts is given its environment, and none a shell", async () => {
    const started: string[] = [];
    const names = await readdir("agent", { recursive: true });
    for (const file of names.filter((name) => name.endsWith(".ts")).map((name) => join("agent", name))) {
      const code = await readFile(file, "utf8");
      if (!/from "node:child_process"|import\("node-pty"\)/.test(code)) continue;
      expect(code, `${file}: a shell takes words apart`).not.toMatch(
        /\bshell:|\b(?:exec|execSync|fork)\b[,} ].*"node:child_process"/,
      );
      for (const call of code.matchAll(/(?:\b(?:spawn|spawnSync|execFileSync)|execFile\)?)\((?!\w+:)/g)) {
        const words = argumentsAt(code, call.index + call[0].length);
        if (!words.includes(",")) continue;
        started.push(file);
        const isGiven = /\benv\b/.test(words) || (/\boptions\b/.test(words) && /options = \{[^;]*\benv:/s.test(code));
        expect(isGiven, `${file}: spawn(${words.slice(0, 80)}…) hands its whole environment on`).toBe(true);
      }
    }
    expect(started.length).toBeGreaterThan(15);
  });
});

function argumentsAt(code: string, from: number): string {
  let depth = 1;
  let at = from;
  for (; depth > 0 && at < code.length; at += 1) depth += code[at] === "(" ? 1 : code[at] === ")" ? -1 : 0;
  return code.slice(from, at - 1);
}
