import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Command, printed } from "../../agent/adapters/volume/command.ts";
import { ENVIRONMENT } from "../../agent/adapters/volume/programs.ts";
import { runCommand } from "../../agent/adapters/volume/run-command.ts";

const never = new AbortController().signal;
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp("/tmp/volume-tools-");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function shell(script: string, over: Partial<Command> = {}): Command {
  return { program: "sh", args: ["-c", script], stdin: "nothing", answers: [0], deadlineMs: 20_000, ...over };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Writes the process id of something that only a signal ends. */
async function lasting(): Promise<{ readonly script: string; readonly pid: () => Promise<number> }> {
  const file = join(directory, "pid");
  const pid = async (): Promise<number> => Number(await readFile(file, "utf8").catch(() => "0"));
  return { script: `trap '' TERM; sleep 600 & echo $! > ${file}.new; mv ${file}.new ${file}; wait; wait`, pid };
}

describe("a tool", () => {
  it("gets what it reads by its standard input, and a fixed environment", async () => {
    const { stdout, code } = await runCommand(
      shell("cat; env | sort", { stdin: "key" }),
      never,
      Buffer.from("key\0\n"),
    );
    expect(code).toBe(0);
    expect(stdout).toContain(`PATH=${ENVIRONMENT.PATH}\n`);
    expect(stdout).toMatch(/^key\0\n(LC_ALL=C\n|(PATH|PWD|_|OLDPWD)=[^\n]*\n)+$/);
  });

  it("that answers with a known exit code has answered", async () => {
    expect(await runCommand(shell("echo said >&2; exit 5", { answers: [0, 5] }), never)).toMatchObject({
      code: 5,
      lastWords: "said",
    });
  });

  it.each([
    {
      of: "another exit code",
      script: "echo one >&2; echo ' why ' >&2; exit 3",
      says: /ended with code 3; it said: why$/,
    },
    { of: "only its standard output", script: "echo out; exit 3", says: /it said: out$/ },
    { of: "nothing", script: "exit 3", says: /it said nothing$/ },
    { of: "a signal", script: "kill -SEGV $$", says: /was ended by SIGSEGV/ },
  ])("that ends with $of has failed, in its own words", async ({ script, says }) => {
    const work = runCommand(shell(script), never);
    await expect(work).rejects.toMatchObject({ code: "cache.tool-failed", retryable: true });
    await expect(work).rejects.toThrow(says);
  });

  it("that does not read to its end fails with its own words, not with a broken pipe", async () => {
    const work = runCommand(shell("exec 0<&-; echo no >&2; exit 1"), never, Buffer.alloc(1_000_000));
    await expect(work).rejects.toThrow(/it said: no$/);
  });

  it("that never ends is killed at its deadline, with all that it started", async () => {
    const { script, pid } = await lasting();
    const work = runCommand(shell(script, { deadlineMs: 500 }), never);
    await expect(work).rejects.toMatchObject({ code: "cache.tool-deadline" });
    const left = await pid();
    expect(left).toBeGreaterThan(0);
    await expect.poll(() => isAlive(left), { timeout: 10_000 }).toBe(false);
  });

  it("ends with its order, and that is no failure of the tool", async () => {
    const { script, pid } = await lasting();
    const order = new AbortController();
    const work = runCommand(shell(script), order.signal);
    await expect.poll(pid, { timeout: 10_000 }).toBeGreaterThan(0);
    order.abort(new Error("told to stop"));
    await expect(work).rejects.toThrow("told to stop");
    const left = await pid();
    await expect.poll(() => isAlive(left), { timeout: 10_000 }).toBe(false);
  });

  it("that is missing is named with its package", async () => {
    const work = runCommand({ ...shell(""), program: "mkfs.nothing" }, never);
    await expect(work).rejects.toMatchObject({ code: "cache.tool-missing", retryable: false });
  });

  it("is printed as a shell would take it", () => {
    expect(printed({ ...shell(""), args: ["-c", "it's $HOME", "/dev/vdb", ""] })).toBe(
      `sh -c 'it'\\''s $HOME' /dev/vdb ''`,
    );
  });
});
