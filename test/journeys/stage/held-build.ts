import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client, ClientEnding } from "./client.ts";
import { eventually } from "./eventually.ts";
import { processesNaming } from "./processes.ts";

/**
 * Lines of a Dockerfile whose one RUN step says that it has begun, and goes on only when it is let
 * go. `mark` is in its command line.
 */
export function heldDockerfile(mark: string): readonly string[] {
  const script = `echo began ${mark}; until [ -e /go ]; do sleep 0.1; done; echo ${mark} > /result`;
  return [
    "FROM scratch AS work",
    "COPY busybox /bin/busybox",
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
    "FROM scratch",
    "COPY --from=work /result /",
  ];
}

/** A build in the middle of its only step. */
export class HeldBuild implements AsyncDisposable {
  readonly client: Client;
  readonly #mark: string;
  readonly #outputDir: string;
  readonly #pid: number;

  private constructor(client: Client, mark: string, outputDir: string, pid: number) {
    this.client = client;
    this.#mark = mark;
    this.#outputDir = outputDir;
    this.#pid = pid;
  }

  /** Waits until its step runs. @throws {Error} with what the client said, if it ends before. */
  static async begun(client: Client, mark: string, outputDir: string): Promise<HeldBuild> {
    await client.says(`began ${mark}`);
    const step = await eventually(`a step that names ${mark}`, async () => (await processesNaming(mark))[0]);
    return new HeldBuild(client, mark, outputDir, step.pid);
  }

  /** Lets the step go on. */
  async letGo(): Promise<void> {
    await writeFile(`/proc/${this.#pid}/root/go`, "");
  }

  /**
   * Lets it finish. @throws {Error} unless the client succeeds, with the step's output in its
   * hands.
   */
  async finish(): Promise<ClientEnding> {
    await this.letGo();
    const ending = await this.client.succeeds();
    const result = await readFile(join(this.#outputDir, "result"), "utf8");
    if (result.trim() !== this.#mark) throw new Error(`The build's output is not its own: ${result}`);
    return ending;
  }

  async isStepRunning(): Promise<boolean> {
    return (await processesNaming(this.#mark)).length > 0;
  }

  /** Resolves, with the wall clock, when the step's process is gone. */
  stepGone(): Promise<number> {
    return eventually(`the step of ${this.#mark} is gone`, async () => !(await this.isStepRunning()) && Date.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}
