import { afterEach, expect, it, vi } from "vitest";
import { askedMetadata } from "../../agent/adapters/evidence/metadata/asked-metadata.ts";
import { platformNotices } from "../../agent/adapters/notices/platform-notices.ts";
import { candidates } from "../../agent/adapters/notices/platforms.ts";
import type { PlatformName } from "../../agent/core/notices/notice.ts";
import type { Metadata } from "../../agent/ports/metadata.ts";
import { SayingServer } from "./saying-server.ts";

const PLACES = { awsMetadataUrl: "http://aws/", gcpMetadataUrl: "http://gcp/", azureMetadataUrl: "http://azure/" };
const { signal } = new AbortController();

afterEach(() => {
  vi.restoreAllMocks();
});

/** How long each answer of two looks may take, by the end of its path. */
async function limitsOf(name: PlatformName, says: Readonly<Record<string, string>>) {
  const limits: (readonly [string, number])[] = [];
  const headers: Readonly<Record<string, string>> = { "metadata-flavor": "Google", etag: "1" };
  const metadata: Metadata = {
    async ask({ url }, limitMs) {
      const end = url.pathname.split("/").at(-1) ?? "";
      limits.push([end, limitMs]);
      return { status: 200, header: (header) => headers[header], text: says[end] ?? "" };
    },
  };
  const [line] = candidates(metadata, PLACES)[name].lines;
  await line?.look(signal);
  await line?.look(signal);
  return limits;
}

it("Azure may take two minutes to turn its events on, and no more than 5 s after that", async () => {
  expect(await limitsOf("azure", { compute: '{"name":"b"}', scheduledevents: '{"Events":[]}' })).toEqual([
    ["compute", 5_000],
    ["scheduledevents", 130_000],
    ["scheduledevents", 5_000],
  ]);
});

it("Google is waited for longer than it holds an answer back, and no longer than 2 s where it holds none", async () => {
  expect(await limitsOf("gcp", { preempted: "FALSE" })).toEqual([
    ["preempted", 2_000],
    ["preempted", 22_000],
  ]);
});

it("EC2's token is asked for anew before its six hours are over, and not sooner", async () => {
  await using server = await SayingServer.listen();
  const spot = server.line("aws", "spot/instance-action");
  const tokens = () => server.asked.filter(({ path }) => path.endsWith("/token")).length;
  const begunMs = performance.now();
  const now = vi.spyOn(performance, "now");
  for (const [hours, asked] of [
    [0, 1],
    [5.9, 1],
    [6, 2],
  ] as const) {
    now.mockReturnValue(begunMs + hours * 3_600_000);
    await spot.look(signal);
    expect(tokens()).toBe(asked);
  }
});

it("a metadata service that comes up after the machine is found all the same", async () => {
  await using server = await SayingServer.listen();
  server.says.delete("/latest/api/token");
  server.says.delete("/instance/compute");
  const source = platformNotices("ask", askedMetadata, server.places);
  const finding = source.find(signal);
  await expect.poll(() => server.asked.length).toBeGreaterThanOrEqual(3);
  server.says.set("/latest/api/token", "token");
  expect(await finding).toMatchObject({ at: "here", platform: { name: "aws" } });
});

it("whoever looks for a platform is told when there is no time for it any more", async () => {
  await using server = await SayingServer.listen();
  server.says.clear();
  const stop = new AbortController();
  const finding = platformNotices("ask", askedMetadata, server.places).find(stop.signal);
  await expect.poll(() => server.asked.length).toBeGreaterThanOrEqual(3);
  stop.abort();
  await expect(finding).rejects.toThrow("aborted");
});

it("whoever is not to be asked is not, and what the configuration names is not doubted", async () => {
  await using server = await SayingServer.listen();
  expect(await platformNotices({ off: "said so" }, askedMetadata, server.places).find(signal)).toEqual({
    at: "none",
    because: "said so",
  });
  expect(await platformNotices("gcp", askedMetadata, server.places).find(signal)).toMatchObject({
    at: "here",
    platform: { name: "gcp" },
  });
  expect(server.asked).toEqual([]);
});
