import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runLimited } from "../../tools/check/limited-child.mjs";
import { summaryOf } from "../../tools/check/summary.mjs";
import { noTally, outcomeOf } from "../../tools/check/tally.mjs";

const TIER = fileURLToPath(new URL("fixture/tier.mjs", import.meta.url));
const HANGS = "test/check/fixture/some-pass-and-one-hangs.fixture.ts > hangs";

it("also where the whole run is told to end: what passed is counted, and what was running is named", async ({
  onTestFinished,
}) => {
  const tier = spawn(process.execPath, [TIER, "some-pass"], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void tier.kill("SIGTERM"));
  const [said, ended] = [text(tier.stdout), once(tier, "exit")];
  // What is said may come in pieces.
  let complained = "";
  for await (const chunk of tier.stderr) {
    complained += String(chunk);
    if (complained.includes("the last one hangs now")) break;
  }
  tier.kill("SIGTERM");
  const lines = (await said).trimEnd().split("\n");
  expect(lines.at(-1)).toBe("2 passed, 1 failed, 1 skipped");
  expect(lines).toContain(
    `failed in fixture: the rest of fixture (ended by SIGTERM: 2 had passed, 0 failed, 1 been skipped; these were running: ${HANGS})`,
  );
  expect(await ended).toEqual([1, null]);
});

it("by its limit: which limit, on which machine, and how far", () => {
  const soFar = { ...noTally(), passed: 24, running: ["power-cuts > cut 7"] };
  const end = { code: 143, cutBy: "limit", limitMs: 84 * 60_000, why: " (a slow machine)" } as const;
  expect(outcomeOf("vm", soFar, end)).toEqual({
    name: "vm",
    passed: 24,
    failed: 1,
    skipped: [],
    failures: [
      {
        name: "the rest of vm",
        reason:
          "ended by its limit of 84 min (a slow machine): 24 had passed, 0 failed, 0 been skipped; these were running: power-cuts > cut 7",
      },
    ],
  });
});

it("is ended at its limit, and no sooner than it ends by itself", async () => {
  const child = { command: process.execPath, cwd: ".", env: process.env } as const;
  const waiting = { ...child, args: ["-e", "setInterval(() => {}, 1000)"], limitMs: 300 };
  expect(await runLimited(waiting)).toMatchObject({ cutBy: "limit" });
  const quick = { ...child, args: ["-e", "process.exitCode = 3"], limitMs: 60_000 };
  expect(await runLimited(quick)).toEqual({ code: 3, cutBy: "" });
});

it.each([
  { what: "a run in which nothing failed, and which failed", code: 1, isWhole: true, failed: 1 },
  { what: "a run that ended well without an end", code: 0, isWhole: false, failed: 1 },
  { what: "a run that ended well", code: 0, isWhole: true, failed: 0 },
])("$what counts $failed failed", ({ code, isWhole, failed }) => {
  const tally = { ...noTally(), passed: 3, isWhole };
  expect(outcomeOf("vitest", tally, { code, cutBy: "", limitMs: 1, why: "" })).toMatchObject({ passed: 3, failed });
});

it("the summary says how long each tier took, what failed and what was skipped, and ends with the counts", () => {
  const skipped = [{ name: "a step reaches a tailnet", reason: "not root" }];
  const failures = [{ name: "the rest of vm", reason: "ended by SIGTERM" }];
  expect(
    summaryOf([
      { name: "types", passed: 1, failed: 0, skipped: [], tookMs: 9_840 },
      { name: "floor", passed: 214, failed: 0, skipped, on: "Node 20.20.2", tookMs: 131_020 },
      { name: "vm", passed: 24, failed: 1, failures, skipped: [], tookMs: 2_400_000 },
    ]),
  ).toEqual([
    "ok      types           9.8 s",
    "ok      floor         131.0 s  214 passed, 0 failed  (Node 20.20.2)",
    "FAILED  vm           2400.0 s  24 passed, 1 failed",
    "        all          2540.9 s",
    "failed in vm: the rest of vm (ended by SIGTERM)",
    "skipped: a step reaches a tailnet (not root)",
    "",
    "239 passed, 1 failed, 1 skipped",
  ]);
});
