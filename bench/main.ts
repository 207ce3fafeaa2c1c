import { writeFile } from "node:fs/promises";
import { BenchFailed, describe } from "./failure.ts";
import { benchFleet } from "./fleet/fleet-bench.ts";
import { parseFleetOptions } from "./fleet/options.ts";
import { fleetJson } from "./fleet/result.ts";
import { fleetText } from "./fleet/text.ts";
import { benchFlood } from "./flood/flood-bench.ts";
import { parseFloodOptions } from "./flood/options.ts";
import { floodText } from "./flood/text.ts";
import { benchGateway } from "./gateway-bench.ts";
import { parseOptions } from "./options.ts";
import { print, say } from "./output.ts";
import { asMeasured, writeSection } from "./report/page.ts";
import { toJson } from "./report/result.ts";
import { renderText } from "./report/text.ts";
import { parseStartOptions } from "./start/options.ts";
import { benchStart } from "./start/start-bench.ts";
import { startText } from "./start/text.ts";

const EXIT_INTERRUPTED = 130;

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort());
// Whoever read our output is gone: unheard, the failure would end this process before what it
// started.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => stop.abort());

try {
  const [bench, ...flags] = process.argv.slice(2);
  if (bench === "flood") await flood(flags);
  else if (bench === "start") await start(flags);
  else await (bench === "fleet" ? fleet(flags) : gateway(process.argv.slice(2)));
} catch (failure) {
  if (stop.signal.aborted) say("interrupted; everything it started has ended");
  else say(describe(failure));
  process.exitCode = stop.signal.aborted ? EXIT_INTERRUPTED : exitCodeOf(failure);
}

async function gateway(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const result = await benchGateway(options, stop.signal);
  const text = renderText(result);
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, toJson(result));
  if (options.writeReadme) await writeSection({ page: "bench/README.md", name: "gateway" }, text);
  print(text);
}

async function fleet(args: readonly string[]): Promise<void> {
  const options = parseFleetOptions(args);
  const result = await benchFleet(options, stop.signal);
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, fleetJson(result));
  print(fleetText(result));
}

async function flood(args: readonly string[]): Promise<void> {
  const options = parseFloodOptions(args);
  const startedMs = performance.now();
  const figures = floodText(await benchFlood(options, stop.signal));
  const seconds = (performance.now() - startedMs) / 1_000;
  const command = `npm run bench -- flood --rate ${options.rate} --count ${options.count}`;
  if (options.write)
    await writeSection({ page: "docs/reliability.md", name: "floods" }, asMeasured({ command, seconds, figures }));
  print(figures);
}

async function start(args: readonly string[]): Promise<void> {
  const options = parseStartOptions(args);
  const result = await benchStart(options, stop.signal);
  const figures = startText(result);
  const measured = {
    command: "npm run bench -- start",
    seconds: result.seconds,
    node: result.machineNode ?? process.versions.node,
    figures,
  };
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(result, undefined, 2)}\n`);
  if (options.write) await writeSection({ page: "docs/reliability.md", name: "start" }, asMeasured(measured));
  print(figures);
}

function exitCodeOf(failure: unknown): number {
  return failure instanceof BenchFailed ? failure.exitCode : 1;
}
