import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readListWorkers } from "../../agent/adapters/buildkit/list-workers.ts";
import { GrpcBuildkitProbe } from "../../agent/adapters/buildkit/probe.ts";

describe("asking BuildKit", () => {
  let dir: string;
  let path: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "probe-"));
    path = join(dir, "buildkitd.sock");
  });
  afterEach(async () => rm(dir, { recursive: true }));

  /** Accepts, reads, says nothing. */
  async function silent(): Promise<AsyncDisposable & { readonly open: Set<Socket> }> {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket.resume().on("error", () => undefined));
      socket.once("close", () => open.delete(socket));
    });
    await once(server.listen(path), "listening");
    const close = async (): Promise<void> => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    return { open, [Symbol.asyncDispose]: close };
  }

  it("fails at once when nobody listens", async () => {
    using probe = new GrpcBuildkitProbe(path);
    await expect(probe.listWorkers(new AbortController().signal)).rejects.toMatchObject({
      code: "buildkit.no-answer",
      retryable: true,
      message: expect.stringContaining(path) as string,
    });
  });

  it("fails after 5 s when it accepts and says nothing", async () => {
    await using server = await silent();
    using probe = new GrpcBuildkitProbe(path);
    await expect(probe.listWorkers(new AbortController().signal)).rejects.toMatchObject({ code: "buildkit.no-answer" });
    expect(server.open.size).toBe(1);
  });

  it("ends with its signal, and the connection with the probe", async () => {
    await using server = await silent();
    {
      using probe = new GrpcBuildkitProbe(path);
      const stop = new AbortController();
      const asked = probe.listWorkers(stop.signal);
      const reason = new Error("enough");
      stop.abort(reason);
      await expect(asked).rejects.toBe(reason);
    }
    await expect.poll(() => server.open.size).toBe(0);
  });

  it("reads workers, platforms and the version, and skips what it does not know", () => {
    const text = (field: number, value: string): number[] => [field * 8 + 2, value.length, ...Buffer.from(value)];
    const nested = (field: number, value: readonly number[]): number[] => [field * 8 + 2, value.length, ...value];
    const platform = nested(3, [...text(1, "arm"), ...text(2, "linux"), ...text(3, "v7")]);
    const worker = [...text(1, "id"), ...platform, ...platform, ...nested(5, text(2, "v1.2.3")), 9 * 8, 7];
    const bytes = Uint8Array.from([...nested(1, worker), ...nested(1, text(1, "other"))]);
    expect(readListWorkers(bytes)).toEqual({ workers: 2, platforms: ["linux/arm/v7"], version: "v1.2.3" });
  });
});
