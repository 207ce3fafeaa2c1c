import { expect, it } from "vitest";
import { withFigures } from "../../bench/report/readme.ts";
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

it("replaces only what stands between the markers", () => {
  const start = "<!-- figures: written by npm run bench -- gateway --write-readme -->";
  const end = "<!-- end of figures -->";
  const readme = `before\n${start}\nold\n${end}\nafter\n`;
  expect(withFigures(readme, "new")).toBe(`before\n${start}\n\nnew\n\n${end}\nafter\n`);
  expect(() => withFigures("no markers", "new")).toThrow("markers");
});
