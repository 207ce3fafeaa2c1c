import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROCESS_LOG = fileURLToPath(new URL("../../dist/agent/adapters/telemetry/process-log.js", import.meta.url));
const KILLED = "process.kill(process.pid, 'SIGKILL')";

it.each([
  { ending: "process.exit(3)", status: 3, count: 3000 },
  { ending: "throw new Error('a defect')", status: 1, count: 3000 },
  // Nothing runs any more: there is what the kernel had room for. Of a socket's 208 KiB it counts
  // some 2 KiB for each of these lines.
  { ending: KILLED, status: null, count: 60 },
])("$ending loses none of $count lines, though a socket is slow to be read", ({ ending, status, count }) => {
  const run = spawnSync(process.execPath, program(count, ending), { encoding: "utf8", maxBuffer: 1e8 });
  expect(run.status).toBe(status);
  expect(numbersIn(run.stdout)).toEqual(Array.from({ length: count }, (_, at) => at));
});

it("SIGKILL loses none of 150 lines, though nobody reads the pipe until then", () => {
  const folder = mkdtempSync(join(tmpdir(), "pipe-"));
  const pipe = join(folder, "log");
  execFileSync("mkfifo", [pipe]);
  // Both ends are open here: the one who writes need not wait for the one who reads.
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const run = spawnSync(process.execPath, program(150, KILLED), { stdio: ["ignore", fd, "inherit"] });
    expect(run.signal).toBe("SIGKILL");
    const room = Buffer.alloc(65_536);
    expect(numbersIn(room.toString("utf8", 0, readSync(fd, room)))).toEqual(Array.from({ length: 150 }, (_, at) => at));
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});

function program(count: number, ending: string): string[] {
  const script = `
    import { processLog } from ${JSON.stringify(PROCESS_LOG)};
    const log = processLog({ process: "control", level: "info" });
    for (let at = 0; at < ${count}; at += 1) log.info({ at, pad: "x".repeat(200) }, "session.closed");
    ${ending};`;
  return ["--input-type=module", "-e", script];
}

function numbersIn(lines: string): number[] {
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { at: number }).at);
}
