import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HERE, type NetworkPlace } from "../../sandbox/net/place.ts";

export const MAIN = fileURLToPath(new URL("../../dist/agent/cli/main.js", import.meta.url));
/** Far more than any of these processes takes on a loaded machine. */
const DEADLINE_MS = 45_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A real process of ours, killed with its scope if it still runs then. */
export class AgentProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #lines: string[] = [];
  #wake: () => void = () => undefined;

  private constructor(args: readonly string[], environment: Readonly<Record<string, string>>, place: NetworkPlace) {
    const env = { PATH: process.env["PATH"], ...environment };
    const entered = place.enter(process.execPath, args);
    this.child = spawn(entered.command, [...entered.args], { env, stdio: ["pipe", "pipe", "pipe"] });
    const { stdout, stderr } = this.child;
    let err = "";
    stderr?.setEncoding("utf8").on("data", (text: string) => (err += text));
    if (stdout !== null)
      createInterface({ input: stdout }).on("line", (line) => {
        this.#lines.push(line);
        this.#wake();
      });
    this.ended = once(this.child, "close").then(() => {
      this.#wake();
      return { code: this.child.exitCode, out: this.#lines.join("\n"), err };
    });
  }

  static start(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    place: NetworkPlace = HERE,
  ): AgentProcess {
    return new AgentProcess([MAIN, ...args], environment, place);
  }

  /** The same with flags of Node's before the program. */
  static startNode(args: readonly string[], environment: Readonly<Record<string, string>> = {}): AgentProcess {
    return new AgentProcess(args, environment, HERE);
  }

  /** A module of the compiled agent, or a few words of JavaScript about it. */
  static evaluate(script: string): AgentProcess {
    return new AgentProcess(["--input-type=module", "--eval", script], {}, HERE);
  }

  /**
   * The first line of the log with this event. @throws {Error} if the process ends, or 45 s pass,
   * before it.
   */
  async logged(event: string): Promise<Readonly<Record<string, unknown>>> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    deadline.addEventListener("abort", () => this.#wake());
    for (let read = 0; ; ) {
      const line = this.#lines[read];
      if (line !== undefined) {
        read += 1;
        const entry: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
        if (typeof entry === "object" && entry !== null && "event" in entry && entry.event === event)
          return { ...entry };
      } else if (deadline.aborted || this.child.exitCode !== null) {
        throw new Error(`No ${event} was logged:\n${this.#lines.join("\n")}`);
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  /** What is logged by now with this event. */
  entries(event: string): readonly Readonly<Record<string, unknown>>[] {
    return this.#lines
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((entry) => entry["event"] === event);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
