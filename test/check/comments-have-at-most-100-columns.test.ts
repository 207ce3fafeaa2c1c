import { expect, it } from "vitest";
import { longComments } from "../../tools/check/long-comments.mjs";

const WORDS = "word ".repeat(20);

it.each([
  { what: "a comment of a line", line: `// ${WORDS}`, lines: [2] },
  { what: "a line of a longer one", line: ` * ${WORDS}`, lines: [2] },
  { what: "one that begins and ends", line: `  /** ${WORDS}*/`, lines: [2] },
  { what: "one that just fits", line: `//${" ".repeat(97)}x`, lines: [] },
  { what: "what a tool reads", line: `// oxlint-disable-next-line ${WORDS}`, lines: [] },
  { what: "code, which is formatted by others", line: `const text = "${WORDS}";`, lines: [] },
])("$what: $lines", ({ line, lines }) => {
  expect(longComments(`a\n${line}\nb`)).toEqual(lines);
});
