import type { EndingProgress } from "../core/ending-progress.ts";
import { duration } from "../core/time-words.ts";
import type { EndingOutcome } from "../ports/operators.ts";
import { endingInWords } from "./ending-words.ts";
import type { Output } from "./output.ts";
import { painter, printJson, printJsonLine, wrapped } from "./printing.ts";
import { ProgressLine } from "./progress-line.ts";

const TO_SEE_IT = "To see it: builder-agent drain, or builder-agent status --watch";

/** What somebody who drains gets to see: sentences, or a JSON document a line. */
export class DrainView {
  readonly #output: Output;
  readonly #json: boolean;
  readonly #line: ProgressLine;
  readonly #beganMs = performance.now();
  #isHeard = false;

  constructor(output: Output, json: boolean) {
    this.#output = output;
    this.#json = json;
    this.#line = new ProgressLine(output);
  }

  /** Ordered, and not watched. */
  ordered(progress: EndingProgress): void {
    if (this.#json) printJson(this.#output, { ordered: true, ...progress });
    else this.#say(`${this.#draining(progress)}: ${endingInWords(progress)}.\n${TO_SEE_IT}`);
  }

  progress(progress: EndingProgress): void {
    if (this.#json) printJsonLine(this.#output, { ...progress });
    else {
      if (!this.#isHeard)
        this.#say(`${this.#draining(progress)}. New builds are refused; Ctrl-C ends the watching alone.`);
      this.#line.tell(subjectOf(progress), `  ${endingInWords(progress)}`);
    }
    this.#isHeard = true;
  }

  over({ ended, undone }: EndingOutcome, isGone: boolean): void {
    this.#line.end();
    if (this.#json) return printJsonLine(this.#output, { at: "over", ended, undone, isGone });
    const paint = painter(this.#output.colours.out);
    const took = duration(performance.now() - this.#beganMs);
    const word = undone.length === 0 ? paint("green", "drained") : paint("red", "not drained");
    this.#say(`${word} after ${took}${isGone ? ": the agent has ended" : ", and its process is about to end"}`);
    for (const what of undone) this.#say(`  ${what}`);
  }

  /** Ctrl-C. */
  left(): void {
    this.#line.end();
    if (this.#json) return;
    this.#say(
      this.#isHeard
        ? `Not watched any more; the drain goes on. ${TO_SEE_IT}`
        : "Not watched any more, before the agent had answered: builder-agent status says whether it drains",
    );
  }

  /** The line must not be gone on by an error's. */
  failed(): void {
    this.#line.end();
  }

  #draining({ reason }: EndingProgress): string {
    return `${painter(this.#output.colours.out)("yellow", "draining")} (${reason})`;
  }

  #say(text: string): void {
    this.#output.out(`${wrapped(text, this.#output.columns)}\n`);
  }
}

/** What a line is about, without the time that is left. */
function subjectOf({ at, open }: EndingProgress): string {
  return JSON.stringify([at, open?.named]);
}
