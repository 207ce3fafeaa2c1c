import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Stage } from "../../stage/stage.ts";
import { isLong } from "./kills.ts";

const LINES = 40;
/** Four seconds for a build; in the long form as long as a run of control, so that it meets each kill. */
const LINE_EVERY_S = isLong ? 0.3 : 0.1;

function dockerfile(mark: string): readonly string[] {
  const script = `for n in $(seq ${LINES}); do echo ${mark} $n >> /result; sleep ${LINE_EVERY_S}; done`;
  return [
    "FROM scratch AS work",
    "COPY busybox /bin/busybox",
    'RUN ["/bin/busybox", "mkdir", "-p", "/work"]',
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
    "FROM scratch",
    "COPY --from=work /result /",
  ];
}

/** Builds one after the other, several at a time, each with an output that is looked at. */
export class EndlessBuilds implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #broken: string[] = [];
  readonly #over: Promise<unknown>;
  readonly #buildIds: string[] = [];
  #passed = 0;
  #open = 0;
  #isOver = false;

  constructor(stage: Stage, atATime: number) {
    this.#stage = stage;
    this.#over = Promise.all(Array.from({ length: atATime }, (_, worker) => this.#buildOn(worker)));
  }

  /** What went wrong with each that did not pass. */
  get broken(): readonly string[] {
    return this.#broken;
  }

  get passed(): number {
    return this.#passed;
  }

  /** How many are between their first word and their last. */
  get open(): number {
    return this.#open;
  }

  /** Of all that ran. */
  get buildIds(): readonly string[] {
    return this.#buildIds;
  }

  /** Resolves when those that are open have ended. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.finish();
  }

  async #buildOn(worker: number): Promise<void> {
    for (let count = 1; !this.#isOver; count += 1) {
      const mark = `worker-${worker}-build-${count}`;
      try {
        await this.#buildOnce(mark);
        this.#passed += 1;
      } catch (failure) {
        this.#broken.push(`${mark}: ${failure instanceof Error ? failure.message : String(failure)}`);
      }
    }
  }

  async #buildOnce(mark: string): Promise<void> {
    const build = await this.#stage.openBuild();
    this.#buildIds.push(build.buildId);
    const { client, outputDir } = await this.#stage.build(build, dockerfile(mark));
    await using ours = client;
    this.#open += 1;
    try {
      await ours.succeeds();
    } finally {
      this.#open -= 1;
      this.#stage.plane.endBuild(build.buildId);
    }
    const result = await readFile(join(outputDir, "result"), "utf8");
    const wanted = Array.from({ length: LINES }, (_, index) => `${mark} ${index + 1}\n`).join("");
    if (result !== wanted) throw new Error(`its output is not its own: ${result.slice(0, 200)}`);
  }
}
