import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type ProcessLog, processLog } from "../../agent/adapters/telemetry/process-log.ts";
import type { AnyLog } from "../../agent/ports/log.ts";

it("counts the lines that nobody took, and goes on counting where it was once there is room", () => {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  const pipe = join(folder, "log");
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(pipe, "w");
  try {
    const log: AnyLog & Pick<ProcessLog, "droppedLines"> = processLog({ process: "control", level: "info", fd });
    const flood = (): void => {
      for (let line = 0; line < 3_000; line += 1) log.info({ pad: "x".repeat(1_000) }, "session.closed");
    };
    log.info({}, "taken");
    expect(log.droppedLines()).toBe(0);
    flood();
    const first = log.droppedLines();
    expect(first).toBeGreaterThan(1_000);
    expect(first).toBeLessThan(3_000);
    flood();
    expect(log.droppedLines()).toBe(first + 3_000);
    while (readSync(reader, Buffer.alloc(65_536)) === 65_536);
  } finally {
    closeSync(reader);
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});
