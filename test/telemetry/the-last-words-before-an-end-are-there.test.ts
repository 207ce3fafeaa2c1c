import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROCESS_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/process-log.js", import.meta.url));

it.each([
  { ending: "process.exit(3)", status: 3, count: 3000 },
  { ending: "throw new Error('a defect')", status: 1, count: 3000 },
  // Nothing runs any more: there is what the kernel had room for.
  { ending: "process.kill(process.pid, 'SIGKILL')", status: null, count: 150 },
])("$ending loses none of $count lines, though a pipe is slow to be read", ({ ending, status, count }) => {
  const script = `
    import { processLog } from ${JSON.stringify(PROCESS_LOG)};
    const log = processLog({ process: "control", level: "info" });
    for (let at = 0; at < ${count}; at += 1) log.info({ at, pad: "x".repeat(200) }, "counted");
    ${ending};`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", maxBuffer: 1e8 });
  expect(run.status).toBe(status);
  const lines = run.stdout.trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual(
    Array.from({ length: count }, (_, at) => at),
  );
});
