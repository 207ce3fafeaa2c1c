import { tmpdir } from "node:os";
import { join } from "node:path";
import { duration, Narrator } from "./demo/narrator.ts";
import { tellStory } from "./demo/story.ts";
import { EXIT, messageOf } from "./failure.ts";
import { requireRoot } from "./stack/require-root.ts";
import { makeRuntimeDir } from "./stack/runtime-dir.ts";
import { withStack } from "./stack/stack.ts";
import { TempDir } from "./stack/temp-dir.ts";
import { readToolchain } from "./stack/toolchain.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { openTerminal } from "./terminal/terminal.ts";

/** 128 + SIGINT, as shells have it. */
const EXIT_INTERRUPTED = 130;

const signal = stopSignal();
const terminal = openTerminal(process.env);
const narrator = new Narrator(terminal);

try {
  await demo();
} catch (failure) {
  const interrupted = signal.aborted;
  narrator.failed(interrupted ? "Interrupted; everything is stopped." : messageOf(failure));
  process.exitCode = interrupted ? EXIT_INTERRUPTED : EXIT.software;
}

async function demo(): Promise<void> {
  const startedMs = performance.now();
  let endingMs = startedMs;
  requireRoot();
  const tools = await readToolchain();
  narrator.title(
    "A real build through the builder agent",
    "Control plane, agent and buildkitd are on this machine, for as long as this takes.",
  );
  await using runtime = await makeRuntimeDir();
  await using work = await TempDir.make(join(tmpdir(), "builder-demo-"));
  const options = { dir: work.path, runtimeDir: runtime.path, listen: { host: "127.0.0.1", port: 0 }, tools, signal };
  narrator.chapter("A machine proves itself and becomes ready");
  await withStack({ ...options, ref: { org: "acme", project: "app" } }, async (stack) => {
    narrator.seen("registered, attached, and BuildKit answers", performance.now() - startedMs);
    narrator.detail(
      `machine  ${stack.machineId}, for ${stack.ref.org}/${stack.ref.project}\nclients  ${stack.endpoint}, as ${stack.serverName}`,
    );
    await tellStory({ stack, tools, narrator, terminal, signal });
    narrator.chapter("The machine ends");
    endingMs = performance.now();
  });
  narrator.seen(
    "agent and buildkitd have ended: no process, mount or connection is left",
    performance.now() - endingMs,
  );
  narrator.closing(`Built, recorded, ended, refused: ${duration(performance.now() - startedMs)} in all.`);
}
