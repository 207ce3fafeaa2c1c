import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { AgentError } from "../../core/errors.ts";
import { programEnvironment } from "../../core/program-environment.ts";
import { Deadline } from "../../lifecycle/deadline.ts";

export const ENVIRONMENT = programEnvironment(process.env["PATH"]);

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input: string;
}

/**
 * Each of them is done in some milliseconds; on a machine that is emulated, and still starting, in
 * seconds.
 */
const DEADLINE_MS = 30_000;

/**
 * Runs a short program and gives what it wrote to its standard output; killed after 30 s, and with
 * `signal`.
 * @throws {AgentError} "isolation.not-verified" (retryable) with its last words.
 */
export async function run({ program, args, env = {}, input }: Command, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  using deadline = new Deadline(DEADLINE_MS, signal);
  // It does not outlive us: the next one is to find all that there will be to clear.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
    env: { ...ENVIRONMENT, ...env },
    stdio: "pipe",
    signal: deadline.signal,
    killSignal: "SIGKILL",
  });
  // One that ends without having read its input tells so by its exit code.
  child.stdin.on("error", () => undefined).end(input);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (failure) => resolve(failure.message));
    child.once("close", (code, by) => resolve(code === 0 ? "" : `ended with ${by ?? `code ${code}`}`));
  });
  const [said, complaint, how] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (how === "") return said;
  signal.throwIfAborted();
  const words = [how, complaint.trim(), said.trim()].filter((part) => part !== "").join(": ");
  throw new AgentError("isolation.not-verified", `${[program, ...args].join(" ")} ${words.slice(0, 600)}`, {
    retryable: true,
  });
}
