import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireRoot } from "../stack/require-root.ts";
import { makeRuntimeDir } from "../stack/runtime-dir.ts";
import { withStack } from "../stack/stack.ts";
import { TempDir } from "../stack/temp-dir.ts";
import { readToolchain } from "../stack/toolchain.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { tellIsolation } from "./isolation.ts";
import { duration, type Narrator } from "./narrator.ts";
import { tellStory } from "./story.ts";

export interface Stageplay {
  readonly narrator: Narrator;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/**
 * A build from a machine's registration to its end. @throws {SandboxFailure} where it does not go
 * as it must; the signal's reason.
 */
export async function buildDemo({ narrator, terminal, signal }: Stageplay): Promise<void> {
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
    await tellIsolation(stack, narrator);
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
