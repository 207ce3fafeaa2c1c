import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { EXIT, isErrno, messageOf, SandboxFailure } from "../../failure.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** After a signal; then it is killed. */
const GRACE_MS = 10_000;

/**
 * Runs a command on this terminal, passes signals on to it, and gives its exit code: 128 and the
 * signal's number where one ended it, as shells do.
 * @throws {SandboxFailure} when it cannot be started.
 */
export async function runCommand(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { readonly cwd?: string } = {},
): Promise<number> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: "inherit", env, ...options });
  let overdue: NodeJS.Timeout | undefined;
  const pass = (name: NodeJS.Signals): void => {
    // A terminal's Ctrl-C reaches the whole group by itself. It is the program's: a shell stays.
    if (name === "SIGINT" && process.stdin.isTTY) return;
    child.kill(name);
    overdue ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  for (const name of SIGNALS) process.on(name, pass);
  try {
    return await ended(child);
  } catch (cause) {
    const why = isErrno(cause, "ENOENT") ? "no such program is on PATH" : messageOf(cause);
    const advice = program === "buildctl" ? ` "npm run setup -- sandbox" makes BuildKit's client.` : "";
    throw new SandboxFailure(EXIT.noInput, `Cannot run ${program}: ${why}.${advice}`, cause);
  } finally {
    clearTimeout(overdue);
    for (const name of SIGNALS) process.off(name, pass);
  }
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}
