import { once } from "node:events";
import { connect, Socket } from "node:net";
import { Gauge, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { Guests } from "../../agent/adapters/health/guests.ts";
import { listenHealth } from "../../agent/adapters/health/listen-health.ts";
import { asked, serving } from "./serving.ts";
import { READY } from "./states.ts";

/** Sends bytes and gives everything that comes back until the end. */
function spoken(url: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) }, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      heard += chunk.toString();
    });
    socket.on("error", () => resolve(heard));
    socket.on("close", () => resolve(heard));
  });
}

async function opened(url: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

const CLOSE = "Connection: close\r\n\r\n";

describe("the health server", () => {
  it.each([
    {
      name: "another method",
      bytes: `POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n${CLOSE}`,
      answer: "405",
    },
    {
      name: "a method with a body",
      bytes: `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n${CLOSE}hello`,
      answer: "405",
    },
    { name: "no Host", bytes: `GET /livez HTTP/1.1\r\n${CLOSE}`, answer: "200" },
    { name: "a strange Host", bytes: `GET /livez HTTP/1.1\r\nHost: evil.example\r\n${CLOSE}`, answer: "200" },
    { name: "HTTP/1.0", bytes: "GET /livez HTTP/1.0\r\n\r\n", answer: "200" },
    { name: "no HTTP", bytes: "hello\r\n\r\n", answer: "400" },
    { name: "a path that is none", bytes: `GET http:// HTTP/1.1\r\nHost: x\r\n${CLOSE}`, answer: "400" },
    { name: "an unknown path", bytes: `GET /etc/passwd HTTP/1.1\r\nHost: x\r\n${CLOSE}`, answer: "404" },
    { name: "too many headers", bytes: `GET / HTTP/1.1\r\nX: ${"x".repeat(10_000)}\r\n${CLOSE}`, answer: "431" },
  ])("answers $name with $answer", async ({ bytes, answer }) => {
    await using health = await serving(READY);
    expect(await spoken(health.url, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${answer} `));
  });

  it("answers HEAD with the same headers and no body", async () => {
    await using health = await serving(READY);
    const get = await fetch(`${health.url}/status`);
    const head = await fetch(`${health.url}/status`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(`${(await get.text()).length}`);
    expect(await head.text()).toBe("");
  });

  it("closes at once though clients keep connections open, idle and half asked", async () => {
    const health = await serving(READY);
    const idle = await opened(health.url);
    const half = await opened(health.url);
    half.write("GET /livez HT");
    await asked(health, "/livez");
    const gone = Promise.all([idle, half].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    for (const socket of [idle, half]) socket.on("error", () => undefined).resume();
    const begun = Date.now();
    await health[Symbol.asyncDispose]();
    await gone;
    expect(Date.now() - begun).toBeLessThan(4_000);
    await expect(fetch(health.url)).rejects.toThrow("fetch failed");
  });

  it.each([
    { who: "say nothing", words: "" },
    { who: "stop in the middle of a question", words: "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: " },
    { who: "have been answered", words: "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" },
  ])("answers who asks while 200 clients $who, and keeps no more than 64 of those", async ({ words }) => {
    await using health = await serving(READY);
    const flood: Socket[] = [];
    for (let count = 0; count < 200; count += 1) {
      const socket = await opened(health.url);
      flood.push(socket.on("error", () => undefined).resume());
      socket.write(words);
    }
    const isLeft = (): readonly Socket[] => flood.filter(({ destroyed }) => !destroyed);
    const afterAnother = async (): Promise<number> => {
      (await opened(health.url)).destroy();
      return isLeft().length;
    };
    await expect.poll(afterAnother).toBeLessThanOrEqual(64);
    for (let count = 0; count < 20; count += 1)
      expect(await asked(health, "/livez")).toEqual({ status: 200, body: "ok\n" });
    expect(isLeft().length).toBeGreaterThan(0);
    for (const socket of flood) socket.destroy();
  });

  it("cuts nobody off who waits for an answer, and turns away who comes then", () => {
    let nowMs = 0;
    const guests = new Guests({ usual: 2, most: 3, patienceMs: 10 }, () => nowMs);
    const all = Array.from({ length: 7 }, () => new Socket());
    const enters = (at: number): void => guests.enter(all[at] ?? new Socket());
    const cut = (): readonly number[] => all.flatMap(({ destroyed }, at) => (destroyed ? [at] : []));
    for (const at of [0, 1, 2]) enters(at);
    expect(cut()).toEqual([]);
    enters(3);
    expect(cut()).toEqual([0]);
    for (const guest of all.slice(1, 4)) guests.asks(guest);
    nowMs = 1_000;
    enters(4);
    expect(cut()).toEqual([0, 4]);
    for (const guest of all.slice(1, 3)) guests.answered(guest);
    nowMs = 1_005;
    enters(5);
    expect(cut()).toEqual([0, 1, 4]);
    nowMs = 2_000;
    enters(6);
    expect(cut()).toEqual([0, 1, 2, 4, 5]);
    for (const guest of all) guest.destroy();
  });

  it("lets go of clients that connect and then say nothing, or stop in the middle", { timeout: 40_000 }, async () => {
    await using health = await serving(READY);
    const [silent, half] = [await opened(health.url), await opened(health.url)];
    half.write("GET /livez HT");
    const gone = [silent, half].map((socket) =>
      once(socket.resume(), "close", { signal: AbortSignal.timeout(20_000) }),
    );
    await expect(Promise.all(gone)).resolves.toHaveLength(2);
  });

  it("says what to do when its port is taken", async () => {
    await using health = await serving(READY);
    const { port } = new URL(health.url);
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    await expect(
      listenHealth({ host: "127.0.0.1", port: Number(port), registry: new Registry(), log }),
    ).rejects.toMatchObject({
      code: "health.cannot-listen",
      message: expect.stringContaining("health.listen") as string,
      cause: { code: "EADDRINUSE" },
    });
  });

  it("names an IPv6 address as a URL does", async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    await using health = await listenHealth({ host: "::1", port: 0, registry: new Registry(), log });
    expect(health.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await asked(health, "/livez")).status).toBe(200);
  });

  it("answers 500 and goes on when a metric cannot be read", async () => {
    const registry = new Registry();
    registry.metrics = () => Promise.reject(new Error("broken collector"));
    await using health = await serving(READY, registry);
    expect((await asked(health, "/metrics")).status).toBe(500);
    expect((await asked(health, "/readyz")).status).toBe(200);
  });
});

it("answers everything else at once while a collector of metrics hangs, and says so itself before long", async () => {
  const registry = new Registry();
  let gathered = 0;
  const hangs = new Gauge({
    name: "hangs",
    help: "Never done.",
    registers: [],
    collect: () => {
      gathered += 1;
      return new Promise<void>(() => {});
    },
  });
  registry.registerMetric(hangs);
  await using health = await serving(READY, registry);
  const scrapes = Array.from({ length: 20 }, () => asked(health, "/metrics"));
  let scraped = false;
  void Promise.all(scrapes).then(() => (scraped = true));
  for (const path of ["/livez", "/readyz", "/readyz?format=json", "/readyz/disk", "/status", "/"]) {
    const began = performance.now();
    expect(await asked(health, path)).toMatchObject({ status: 200 });
    expect(performance.now() - began).toBeLessThan(1_000);
  }
  expect(scraped).toBe(false);
  for (const { status, body } of await Promise.all(scrapes)) {
    expect(status).toBe(503);
    expect(body).toContain("within 2 s: a collector hangs");
  }
  expect(gathered).toBe(1);
});
