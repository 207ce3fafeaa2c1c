import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { hungMount } from "./stage/hung-mount.ts";
import { Stage } from "./stage/stage.ts";
import { needsStage } from "./stage/whether.ts";

needsStage();

const PATHS = ["/livez", "/readyz", "/readyz?format=json", "/status", "/", "/metrics"];

interface Measured {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** The whole answer, on a connection of its own, as a probe asks. */
async function statusOf(url: string): Promise<number> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  await once(response.resume(), "end");
  return response.statusCode ?? 0;
}

async function measured(stage: Stage, rounds: number): Promise<Measured> {
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const path of PATHS) {
      const before = performance.now();
      const status = await statusOf(`${stage.healthUrl}${path}`);
      tookMs.push(performance.now() - before);
      expect([path, [200, 503].includes(status)]).toEqual([path, true]);
    }
    await sleep(50);
  }
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1) };
}

/** 200 that say nothing, 50 that send a letter now and then; who is cut comes back. */
class Flood implements AsyncDisposable {
  readonly #port: number;
  readonly #stop = new AbortController();
  readonly #clients: Promise<void>[];
  readonly #sockets = new Set<Socket>();

  constructor(port: number) {
    this.#port = port;
    this.#clients = Array.from({ length: 250 }, (_, at) => this.#client(at >= 200));
  }

  async #client(trickles: boolean): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const socket = connect({ host: "127.0.0.1", port: this.#port });
      this.#sockets.add(socket);
      const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => undefined).resume();
      socket.write(trickles ? "GET /livez HTTP/1.1\r\nX-Slow: " : "");
      const letters = trickles ? setInterval(() => socket.write("x"), 200) : undefined;
      await gone;
      clearInterval(letters);
      this.#sockets.delete(socket);
      if (!signal.aborted) await sleep(250);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#clients);
  }
}

it("in tens of milliseconds: control plane, gateway, BuildKit and both disks hang, and 250 clients hold on", {
  timeout: 180_000,
}, async () => {
  await using stage = await Stage.up();
  const quiet = await measured(stage, 20);
  stage.plane.faults.silent = true;
  for (const name of ["buildkitd", "gateway"] as const) await stage.kill(name, "SIGSTOP");
  try {
    await using scope = new Scope();
    for (const disk of ["state", "cache"]) scope.own(await hungMount(join(stage.workDir, disk)));
    scope.own(new Flood(Number(new URL(stage.healthUrl).port)));
    // As long as it takes until each loop has met what hangs, some of them several times.
    const hung = await measured(stage, 200);
    expect((await stage.health("/readyz/buildkit")).body).toContain("nothing within 5 s");
    // On a machine that does other things, too: a hang costs seconds.
    expect(hung.p50Ms).toBeLessThan(100 + 5 * quiet.p50Ms);
    expect(hung.p99Ms).toBeLessThan(1_000 + 5 * quiet.p99Ms);
  } finally {
    for (const name of ["buildkitd", "gateway"] as const) await stage.kill(name, "SIGCONT");
    stage.plane.faults.silent = false;
  }
});
