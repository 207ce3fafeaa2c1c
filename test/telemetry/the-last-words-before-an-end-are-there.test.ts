import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const JSON_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/json-log.js", import.meta.url));

it.each([
  { ending: "process.exit(3)", status: 3 },
  { ending: "throw new Error('a defect')", status: 1 },
  { ending: "process.kill(process.pid, 'SIGKILL')", status: null },
])("$ending loses no line, though a pipe is slow to be read", ({ ending, status }) => {
  const script = `
    import { jsonLog } from ${JSON.stringify(JSON_LOG)};
    const log = jsonLog({ process: "control", level: "info" });
    for (let at = 0; at < 3000; at += 1) log.info({ at, pad: "x".repeat(200) }, "counted");
    ${ending};`;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", maxBuffer: 1e8 });
  expect(run.status).toBe(status);
  const lines = run.stdout.trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual(
    Array.from({ length: 3000 }, (_, at) => at),
  );
});
