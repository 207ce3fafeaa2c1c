import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NO_REFUSALS,
  noteAnswer,
  type PlaneAnswer,
  REFUSED_FOR_MS,
  REFUSED_TIMES,
} from "../../agent/core/refusal-watch.ts";

interface Noted {
  readonly answer: PlaneAnswer;
  readonly afterMs: number;
}

/** Whether the agent ended, after each of these. */
function ends(answers: readonly Noted[]): readonly boolean[] {
  let [state, nowMonoMs] = [NO_REFUSALS, 1_000];
  return answers.map(({ answer, afterMs }) => {
    nowMonoMs += afterMs;
    const noted = noteAnswer(state, answer, nowMonoMs);
    state = noted.state;
    return noted.end;
  });
}

const refusals = (count: number, afterMs: number): readonly Noted[] =>
  Array.from({ length: count }, () => ({ answer: "suspect" as const, afterMs }));

describe("refusals without the control plane's mark", () => {
  it("end the agent once they are all that was heard for half an hour", () => {
    const everyMs = 30_000;
    const asked = ends(refusals(REFUSED_FOR_MS / everyMs + 1, everyMs));
    expect(asked.slice(0, -1)).not.toContain(true);
    expect(asked.at(-1)).toBe(true);
  });

  it("do not, however long apart, while there were fewer than ten", () => {
    const asked = ends(refusals(REFUSED_TIMES, REFUSED_FOR_MS));
    expect(asked.indexOf(true)).toBe(REFUSED_TIMES - 1);
  });

  it("do not, however many, within half an hour", () => {
    expect(ends(refusals(10_000, REFUSED_FOR_MS / 10_001))).not.toContain(true);
  });

  it("begin anew after anything else was heard, for as long as this goes on", () => {
    const nearly = refusals(REFUSED_FOR_MS / 30_000, 30_000);
    const schedule = [...nearly, { answer: "other" as const, afterMs: 1 }];
    expect(ends([...schedule, ...schedule, ...schedule])).not.toContain(true);
  });

  it("end it exactly when the last ten or more, over half an hour or more, were all refusals", () => {
    const noted = fc.record({
      answer: fc.oneof(
        { weight: 12, arbitrary: fc.constant<PlaneAnswer>("suspect") },
        { weight: 1, arbitrary: fc.constant<PlaneAnswer>("other") },
      ),
      afterMs: fc.nat(REFUSED_FOR_MS / 6),
    });
    fc.assert(
      fc.property(fc.array(noted, { minLength: 1, maxLength: 60 }), (answers) => {
        const asked = ends(answers);
        for (const [index] of answers.entries()) {
          const heard = answers.slice(0, index + 1);
          const streak = heard.slice(heard.findLastIndex(({ answer }) => answer === "other") + 1);
          const lastedMs = streak.slice(1).reduce((sum, { afterMs }) => sum + afterMs, 0);
          expect(asked[index]).toBe(streak.length >= REFUSED_TIMES && lastedMs >= REFUSED_FOR_MS);
        }
      }),
    );
  });
});
