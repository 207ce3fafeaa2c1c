import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/errors.ts";
import { underLock } from "../../agent/wire/lock.ts";

const never = new AbortController().signal;
const busy = (): AgentError => new AgentError("test.busy", "held", { retryable: true });
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp("/tmp/lock-");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function locked<T>(work: () => Promise<T>, { waitS = 60, signal = never } = {}): Promise<T> {
  return underLock({ file: join(directory, "made", "lock"), waitS, signal, busy }, work);
}

describe("work under one lock", () => {
  it("is done one at a time", async () => {
    let inside = 0;
    let most = 0;
    const enter = (): Promise<void> =>
      locked(async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all([enter(), enter(), enter(), enter()]);
    expect(most).toBe(1);
  });

  it("does not wait for ever", async () => {
    await locked(async () => {
      await expect(locked(() => Promise.resolve(), { waitS: 1 })).rejects.toMatchObject({ code: "test.busy" });
    });
  });

  it("keeps nobody out once it has failed, or was cancelled while it waited", async () => {
    await expect(locked(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    await locked(async () => {
      const waiting = new AbortController();
      const second = locked(() => Promise.resolve("in"), { signal: waiting.signal });
      waiting.abort(new Error("cancelled"));
      await expect(second).rejects.toThrow("cancelled");
    });
    expect(await locked(() => Promise.resolve("in"))).toBe("in");
  });
});
