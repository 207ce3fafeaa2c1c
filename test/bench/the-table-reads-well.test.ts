import { expect, it } from "vitest";
import { asMeasured, withSection } from "../../bench/report/page.ts";
import type { Sample } from "../../bench/report/sample.ts";
import { renderAims, renderTable } from "../../bench/report/table.ts";

const SAMPLES: readonly Sample[] = [
  { round: 1, subject: "gateway", figure: "build", value: 2.5 },
  { round: 1, subject: "buildkitd", figure: "build", value: 2 },
  { round: 1, subject: "gateway", figure: "bulkUp", value: 600 },
  { round: 1, subject: "haproxy", figure: "bulkUp", value: 800 },
];

it("shows medians of who took part, and our ratio to each peer where both were measured", () => {
  expect(renderTable(SAMPLES)).toBe(
    [
      "| median                      | our gateway | buildkitd TLS | HAProxy | ÷ buildkitd TLS | ÷ HAProxy |",
      "| --------------------------- | ----------: | ------------: | ------: | --------------: | --------: |",
      "| real build, s               |        2.50 |          2.00 |         |            0.80 |           |",
      "| bulk towards BuildKit, MB/s |         600 |               |     800 |                 |      0.75 |",
    ].join("\n"),
  );
});

it("says plainly which aim is not reached", () => {
  expect(renderAims(SAMPLES).split("\n").slice(2)).toEqual([
    expect.stringMatching(/within 5 % of buildkitd.*0\.80.*NOT reached/),
    expect.stringMatching(/towards BuildKit.*0\.75.*NOT reached/),
  ]);
});

it("replaces only what stands in the section that is named", () => {
  const [mine, other] = ["one", "another"].map((name) => [
    `<!-- begin: ${name} (npm run ${name}) -->`,
    `<!-- end: ${name} -->`,
  ]);
  const page = (text: string) =>
    ["before", ...[mine?.[0], "", text, "", mine?.[1]], other?.[0], "kept", other?.[1], ""].join("\n");
  expect(withSection(page("old\nlines"), "one", "new")).toBe(page("new"));
  expect(withSection(page("old"), "on", "new")).toBeUndefined();
  expect(withSection(`${other?.[0]}\n<!-- end: one -->`, "one", "new")).toBeUndefined();
});

it("says above figures when, by which command and on which machine they were measured", () => {
  const text = asMeasured({ command: "npm run bench -- endings", seconds: 61.4, figures: "| a |" });
  expect(text.split("\n")).toEqual([
    expect.stringMatching(/^Measured on \d{4}-\d\d-\d\d in 61 s by `npm run bench -- endings`\.$/),
    expect.stringMatching(/^Machine: \d+ cores \(.+\), \d+ GB, Node \d+\..*, load average \d+\.\d\.$/),
    "",
    "| a |",
  ]);
  const image = asMeasured({ command: "npm run bench -- start", seconds: 1, node: "24.21.0", figures: "" });
  expect(image).toContain(" GB, Node 24.21.0, load average ");
});
