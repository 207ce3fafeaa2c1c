import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { takeAwayTraceSocket } from "../../agent/adapters/buildkit/trace-socket.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "trace-socket-"));
});
afterEach(() => rm(dir, { recursive: true }));

it("stays while buildkitd has still to set its owner and its mode, and goes then", async () => {
  const path = join(dir, "otel.sock");
  const stop = new AbortController();
  const taken = takeAwayTraceSocket(path, stop.signal);
  const server = createServer().listen(path);
  try {
    for (const mode of [0o755, 0o660]) {
      await expect.poll(() => chmod(path, mode)).toBe(undefined);
      await sleep(50);
      expect(await readdir(dir)).toEqual(["otel.sock"]);
    }
    await chmod(path, 0o666);
    await taken;
    expect(await readdir(dir)).toEqual([]);
  } finally {
    stop.abort();
    server.close();
  }
});

it("is waited for no longer than its daemon runs", async () => {
  const stop = new AbortController();
  const taken = takeAwayTraceSocket(join(dir, "otel.sock"), stop.signal);
  stop.abort();
  await taken;
});
