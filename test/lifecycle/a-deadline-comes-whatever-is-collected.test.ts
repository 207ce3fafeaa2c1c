import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { Deadline as AgentDeadline, eitherOf } from "../../agent/lifecycle/deadline.ts";
import { Deadline as SandboxDeadline } from "../../sandbox/deadline.ts";
import { withDeadline } from "../../tools/setup/deadline.mjs";

const AGENT = fileURLToPath(new URL("../../dist/agent/lifecycle/deadline.js", import.meta.url));
const SANDBOX = fileURLToPath(new URL("../../dist/sandbox/deadline.js", import.meta.url));
const TOOLS = fileURLToPath(new URL("../../tools/setup/deadline.mjs", import.meta.url));
const LIMIT_MS = 200;

/**
 * What waits hears of its signal alone; the garbage collector runs all the while. Prints "expired",
 * or "lost" after ten times the limit.
 */
function outcome(wait: string): string {
  const script = `
    const outer = new AbortController().signal;
    const aborted = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    const collecting = setInterval(() => globalThis.gc(), 10);
    const work = (async () => { ${wait} })().then(() => "expired");
    const lost = new Promise((resolve) => setTimeout(resolve, ${LIMIT_MS * 10}, "lost"));
    console.log(await Promise.race([work, lost]));
    clearInterval(collecting);
    process.exit(0);`;
  const run = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return `${run.stdout}${run.stderr}`.trim();
}

it.each([
  {
    by: "the agent's Deadline",
    wait: `const { Deadline } = await import(${JSON.stringify(AGENT)});
      const deadline = new Deadline(${LIMIT_MS}, outer); await aborted(deadline.signal);`,
  },
  {
    by: "the sandbox's Deadline",
    wait: `const { Deadline } = await import(${JSON.stringify(SANDBOX)});
      const deadline = new Deadline(${LIMIT_MS}, outer); await aborted(deadline.signal);`,
  },
  {
    by: "the tools' withDeadline",
    wait: `const { withDeadline } = await import(${JSON.stringify(TOOLS)});
      await withDeadline(${LIMIT_MS}, outer, aborted);`,
  },
])("a wait that is bounded by $by ends under garbage collection", ({ wait }) => {
  expect(outcome(wait)).toBe("expired");
});

/**
 * If this fails on every Node that we support, the rule against the pattern has lost its reason.
 */
it("the pattern that the lint refuses loses its timer on Node 20", ({ skip }) => {
  if (!process.version.startsWith("v20.")) skip(`this is Node ${process.versions.node}`);
  expect(outcome(`await aborted(AbortSignal["any"]([outer, AbortSignal.timeout(${LIMIT_MS})]));`)).toBe("lost");
});

it.each([
  { of: "agent", make: (ms: number, outer: AbortSignal) => new AgentDeadline(ms, outer) },
  { of: "sandbox", make: (ms: number, outer: AbortSignal) => new SandboxDeadline(ms, outer) },
])("a deadline of the $of tells its own end from that of the work", async ({ make }) => {
  const outer = new AbortController();
  using givenUp = make(60_000, outer.signal);
  using late = make(1, new AbortController().signal);
  outer.abort(new Error("given up"));
  expect(givenUp.signal.reason).toEqual(new Error("given up"));
  expect(givenUp.hasExpired).toBe(false);
  if (!late.signal.aborted) await new Promise((resolve) => late.signal.addEventListener("abort", resolve));
  expect(late.hasExpired).toBe(true);
  expect(late.signal.reason).toHaveProperty("name", "TimeoutError");
  using never = make(60_000, outer.signal);
  expect(never.signal.aborted).toBe(true);
});

it("work of the tools ends with its outer signal, and gives what it made", async () => {
  const outer = new AbortController();
  expect(await withDeadline(60_000, outer.signal, () => Promise.resolve(1))).toBe(1);
  outer.abort();
  expect(await withDeadline(60_000, outer.signal, (signal) => Promise.resolve(signal.aborted))).toBe(true);
});

it("either of two signals aborts what was made of both, with its reason", () => {
  for (const first of [0, 1]) {
    const both = [new AbortController(), new AbortController()] as const;
    const either = eitherOf(both[0].signal, both[1].signal);
    expect(either.aborted).toBe(false);
    both[first]?.abort("first");
    expect(either.reason).toBe("first");
    expect(eitherOf(both[0].signal, both[1].signal).aborted).toBe(true);
  }
});
