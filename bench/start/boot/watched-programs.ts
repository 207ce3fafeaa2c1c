import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { BenchFailed } from "../../failure.ts";
import { packageDir } from "../../process/toolchain.ts";
import type { SeenProgram } from "./boot-record.ts";

/** More than ten boots' worth. */
const LINES_MAX = 50_000;

/**
 * Every program that a machine executes, as the kernel tells of them: also those that nobody would
 * see who looks now and then.
 */
export class WatchedPrograms implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, "close");
  }

  /**
   * @param group The machine's control group, as its root is named. @throws {BenchFailed} Where the
   * kernel tells nobody: that takes root, and no container.
   */
  static async start(group: string): Promise<WatchedPrograms> {
    const program = join(packageDir, "bench/start/boot/watch-programs");
    const child = spawn("perl", [program, group], { stdio: ["ignore", "pipe", "inherit"] });
    const watched = new WatchedPrograms(child);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line === "watching") resolve();
        else if (watched.#lines.length < LINES_MAX) watched.#lines.push(line);
      });
      const gone = (cause?: unknown): void =>
        reject(new BenchFailed("The kernel tells nobody here which programs are executed.", { cause }));
      child.once("error", gone);
      child.once("close", () => gone());
    });
    return watched;
  }

  /** What was executed until now. @throws {BenchFailed} If something was missed. */
  programs(): readonly SeenProgram[] {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#lines.length === LINES_MAX)
      throw new BenchFailed("Not every program of this boot was seen.");
    return programsOf(this.#lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#closed;
  }
}

/** @param lines As `watch-programs` writes them. */
export function programsOf(lines: readonly string[]): readonly SeenProgram[] {
  const programs: (SeenProgram & { readonly pid: string })[] = [];
  for (const line of lines) {
    const [what, atNs, pid = "", group = "", ...words] = line.split("\t");
    const atMs = Number(atNs) / 1e6;
    const at = programs.findLastIndex((one) => one.pid === pid && one.endedMs === undefined);
    const before = programs[at];
    if (what === "exit" && before !== undefined) programs[at] = { ...before, endedMs: atMs };
    if (what !== "exec") continue;
    // One that soon became another was seen as that already: it is the same start.
    if (before?.words.join("\t") === words.join("\t")) programs.splice(at, 1);
    programs.push({ unit: unitOf(group), words, atMs, pid });
  }
  return programs.map(({ pid: _, ...program }) => program);
}

/** Also of a group that a unit has made below its own. */
function unitOf(group: string): string {
  const unit = group.split("/").findLast((name) => /\.(service|scope|mount|socket)$/.test(name));
  return unit ?? basename(group);
}
