import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { inTree } from "../setup/tree.mjs";
import { allLongComments } from "./long-comments.mjs";
import { runTool, step } from "./step.mjs";

const FIXTURE = "tools/lint-fixture";

/**
 * The rules that keep the rooms apart still bite: each line of the fixture that ends in `refused:
 * <rule>` is refused by that rule, and no other line by any. And comments have at most 100 columns,
 * which no linter of ours can say.
 */
export const lintRules = () =>
  step("lint-rules", async () => {
    const [expected, reported] = [await expectations(), await reports()];
    return [
      ...expected
        .filter((line) => !reported.includes(line))
        .map((line) => `${line} should have been reported, and was not`),
      ...reported.filter((line) => !expected.includes(line)).map((line) => `${line} was reported, and is allowed`),
      ...(await allLongComments()).map((line) => `${line} is a comment of more than 100 columns`),
      ...(expected.length === 0 ? [`${FIXTURE} expects nothing`] : []),
    ].join("\n");
  });

async function expectations() {
  const files = await readdir(inTree(FIXTURE), { recursive: true, encoding: "utf8" });
  const perFile = files
    .filter((file) => file.endsWith(".ts"))
    .map(async (file) => {
      const lines = (await readFile(inTree(FIXTURE, file), "utf8")).split("\n");
      return lines.flatMap((line, index) => {
        const rule = / \/\/ refused: (\S+)$/.exec(line)?.[1];
        return rule ? [`${join(FIXTURE, file)}:${index + 1} ${rule}`] : [];
      });
    });
  return (await Promise.all(perFile)).flat();
}

async function reports() {
  const { output } = await runTool("oxlint/bin/oxlint", ["-c", `${FIXTURE}/oxlint.json`, "--format=unix", FIXTURE]);
  const lines = output.matchAll(/^(\S+?):(\d+):\d+: .*\[Error\/\w+\(([\w-]+)\)\]$/gm);
  return [...lines].map(([, file, line, rule]) => `${file}:${line} ${rule}`);
}
