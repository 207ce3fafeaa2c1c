import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { debugMetrics, passedMetrics, serveMetricsPassage } from "../../agent/adapters/buildkit/metrics-passage.ts";
import { OwnMetrics } from "../../agent/adapters/buildkit/own-metrics.ts";
import { GrpcStepTrial } from "../../agent/adapters/buildkit/step-trial.ts";
import { listenHealth } from "../../agent/adapters/health/listen-health.ts";
import { prometheusMeters } from "../../agent/adapters/telemetry/prometheus-meters.ts";
import { Scope } from "../../agent/lifecycle/scope.ts";
import { promtoolFindings } from "../telemetry/promtool.ts";
import { eventually, RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

const signal = (): AbortSignal => new AbortController().signal;

/** A real buildkitd that serves its debug pages, and root's passage to the one of metrics. */
async function withDebugSocket(scope: Scope) {
  const bench = scope.own(await RealBuildkit.make());
  const debugSocket = join(dirname(bench.configFile), "debug.sock");
  Object.assign(bench.places, { debugSocketPath: debugSocket });
  const passage = join(bench.dir, "metrics.sock");
  const over = new AbortController();
  const failures: unknown[] = [];
  await mkdir(dirname(passage), { recursive: true });
  const serving = serveMetricsPassage(
    { path: passage },
    { debugSocket, idleMs: 60_000, onFailure: (err) => void failures.push(err) },
    over.signal,
  );
  scope.own({
    async [Symbol.asyncDispose]() {
      over.abort();
      await serving;
    },
  });
  const { pid } = await bench.up();
  return { bench, debugSocket, passage, pid, failures };
}

describe("BuildKit's own metrics", () => {
  beforeEach(({ skip }) => {
    const why = whyNoBuildkit();
    if (why !== undefined) skip(why);
  });

  it("count its builds, at zero before the first, and no step of ours; another process's names stay apart", async () => {
    await using scope = new Scope();
    const { bench, passage } = await withDebugSocket(scope);
    const own = new OwnMetrics((limit) => passedMetrics(passage, limit));
    const lines = async (): Promise<readonly string[]> => (await fresh(own)).split("\n");
    expect(await lines()).toEqual(
      expect.arrayContaining([
        "builder_agent_buildkit_scrape_ok 1",
        'buildkit_builds_total{status="success"} 0',
        'buildkit_builds_total{error_code="Unknown",status="failure"} 0',
        'buildkit_builds_steps_total{kind="cached"} 0',
        'buildkit_build_duration_seconds_count{status="success"} 0',
        expect.stringMatching(/^buildkit_process_resident_memory_bytes \d/),
        expect.stringMatching(/^buildkit_go_goroutines \d+$/),
      ]),
    );
    const trial = bench.own(new GrpcStepTrial(bench.places.socketPath));
    expect((await trial.tryStep(30_000, signal())).outcome.is).toBe("ran");
    await bench.build(['RUN ["/bin/busybox","true"]']);
    await bench.build(['RUN ["/bin/busybox","false"]']).catch(() => undefined);
    const after = await lines();
    expect(after).toContain('buildkit_builds_total{status="success"} 1');
    expect(after).toContain('buildkit_builds_total{error_code="Unknown",status="failure"} 1');
    expect(after).toContain('buildkit_build_duration_seconds_count{status="failure"} 1');
    const foreign = after.filter((line) => !/^(#|$|buildkit_|builder_agent_buildkit_scrape_ok)/.test(line));
    expect(foreign).toEqual([]);
    expect(after.join("\n")).not.toMatch(/otel_scope|_bucket|rpc_/);
  });

  it("stand beside the agent's in one page that Prometheus reads", async () => {
    await using scope = new Scope();
    const { bench, debugSocket } = await withDebugSocket(scope);
    await bench.build(['RUN ["/bin/busybox","true"]']);
    const page = await served(scope, new OwnMetrics((limit) => debugMetrics(debugSocket, limit)), bench);
    await eventually(async () => (await page()).includes("scrape_ok 1"), "BuildKit's are there");
    const all = await page();
    expect(all).toContain("\nprocess_resident_memory_bytes ");
    expect(all).toContain("\nbuildkit_process_resident_memory_bytes ");
    expect(promtoolFindings(all)).toBe("");
  });

  it("keep no scrape waiting when it hangs, and are gone when that lasts", async () => {
    await using scope = new Scope();
    const { bench, passage, pid } = await withDebugSocket(scope);
    let aheadMs = 0;
    const own = new OwnMetrics(
      (limit) => passedMetrics(passage, limit),
      () => performance.now() + aheadMs,
    );
    await fresh(own);
    const page = await served(scope, own, bench);
    process.kill(pid, "SIGSTOP");
    try {
      const begunMs = performance.now();
      expect(await page()).toContain("builder_agent_buildkit_scrape_ok 1");
      expect(performance.now() - begunMs).toBeLessThan(1_000);
      aheadMs = 60_000;
      const late = await page();
      expect(late).toContain("builder_agent_buildkit_scrape_ok 0");
      expect(late).not.toMatch(/^buildkit_/m);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await fresh(own);
  });

  it("are gone with it, and back with it", async () => {
    await using scope = new Scope();
    const { bench, passage, failures } = await withDebugSocket(scope);
    const own = new OwnMetrics((limit) => passedMetrics(passage, limit));
    await fresh(own);
    await bench.unit.stop(5_000, signal());
    await eventually(async () => (await own.text()).includes("scrape_ok 0"), "they are gone");
    expect(await own.text()).not.toMatch(/^buildkit_/m);
    expect(String(failures[0])).toMatch(/ENOENT|ECONNREFUSED/);
    await bench.unit.start(signal());
    await fresh(own);
  });

  it("are all that root's passage gives, whatever it is asked for", async () => {
    await using scope = new Scope();
    const { passage } = await withDebugSocket(scope);
    for (const asked of ["/debug/pprof/goroutine?debug=2", "/debug/cache/all", "/debug/pprof/cmdline"]) {
      const socket = connect(passage);
      let answer = "";
      socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
      socket.write(`GET ${asked} HTTP/1.0\r\n\r\n`);
      await once(socket, "close");
      expect(answer).toMatch(/^# HELP [\s\S]*\n# EOF\n$/);
      expect(answer).not.toMatch(/goroutine \d|HTTP\/1|--config/);
    }
  });
});

it("are not waited for where their passage starts nobody", async () => {
  const own = new OwnMetrics((limit) => passedMetrics("/nowhere/metrics.sock", limit));
  expect(await own.text()).toMatch(/builder_agent_buildkit_scrape_ok 0\n$/);
});

it("end the passage when nobody asks for them", async () => {
  await using bench = await RealBuildkit.make();
  const options = { debugSocket: "/nowhere/debug.sock", idleMs: 50, onFailure: () => undefined };
  await serveMetricsPassage({ path: join(bench.dir, "metrics.sock") }, options, signal());
});

/** The text as soon as BuildKit's are in it. */
async function fresh(own: OwnMetrics): Promise<string> {
  let text = "";
  // The first answer may come after its scrape; it is the next one's.
  await own.text();
  await eventually(async () => (text = await own.text()).includes("scrape_ok 1"), "BuildKit's metrics are there");
  return text;
}

async function served(scope: Scope, own: OwnMetrics, { log }: RealBuildkit): Promise<() => Promise<string>> {
  const { registry } = prometheusMeters({ version: "1.2.3", controlRestarts: 0, droppedLogLines: () => 0 });
  const health = await listenHealth({ host: "127.0.0.1", port: 0, registry, more: () => own.text(), log });
  scope.own(health);
  return async () => (await fetch(`${health.url}/metrics`)).text();
}
