import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, SandboxFailure } from "../failure.ts";
import { NetworkNamespace } from "../net/namespace.ts";
import { connect } from "../net/veth.ts";
import { requireRoot } from "../stack/require-root.ts";
import { makeRuntimeDir } from "../stack/runtime-dir.ts";
import { withStack } from "../stack/stack.ts";
import { TempDir } from "../stack/temp-dir.ts";
import { readToolchain } from "../stack/toolchain.ts";
import { inTree } from "../stack/tree.ts";
import type { Uplink } from "../stack/vm-network.ts";
import { NamespacedTailnet } from "../tailnet/in-namespaces.ts";
import { readTailnetTools } from "../tailnet/tools.ts";
import type { Stageplay } from "./build-demo.ts";
import { duration } from "./narrator.ts";
import { tellTailnetStory } from "./tailnet-story.ts";

/**
 * Of documentation (RFC 5737): what the machine takes for the internet, in which the coordination
 * server is one host.
 */
const INTERNET = { router: "203.0.113.1", machine: "203.0.113.2", prefix: 24 };

/**
 * A build whose step fetches a page of the customer's own network, by name. @throws
 * {SandboxFailure} where it does not go as it must.
 */
export async function tailnetDemo({ narrator, terminal, signal }: Stageplay): Promise<void> {
  requireRoot();
  await setUpTailnet();
  const startedMs = performance.now();
  let endingMs = startedMs;
  const [tools, tailnetTools] = [await readToolchain(), await readTailnetTools()];
  narrator.title(
    "A build that reaches a private page, and only while it may",
    "The customer's tailnet is real and on this machine: coordination server, relay, nodes, each in a network of its own.",
  );
  await using runtime = await makeRuntimeDir();
  await using work = await TempDir.make(join(tmpdir(), "builder-demo-"));
  await using home = await makeRuntimeDir();
  {
    narrator.chapter("The customer has a tailnet, with a private page");
    await using world = await NetworkNamespace.make({ name: "world" });
    await using site = await NamespacedTailnet.start({ tools: tailnetTools, world, dir: home.path, signal });
    narrator.seen("coordination server, relay, API and two nodes are up", performance.now() - startedMs);
    narrator.detail(
      `page   ${site.tailnet.pageUrl}\nnodes  ${site.tailnet.peer.name}, ${site.tailnet.peer.addresses[0]}`,
    );
    const readyMs = performance.now();
    narrator.chapter("A machine proves itself and becomes ready");
    const listen = { host: "127.0.0.1", port: 0 };
    const options = { dir: work.path, runtimeDir: runtime.path, listen, tools, signal, uplink: uplinkTo(world) };
    await withStack({ ...options, ref: { org: "acme", project: "app" } }, async (stack) => {
      narrator.seen("ready for builds, whose network is guarded", performance.now() - readyMs);
      await tellTailnetStory({ stack, site, tools, narrator, terminal, signal });
      narrator.chapter("The machine and the tailnet end");
      endingMs = performance.now();
    });
  }
  narrator.seen("no process, network or connection is left", performance.now() - endingMs);
  narrator.closing(`Refused, joined, fetched, left: ${duration(performance.now() - startedMs)} in all.`);
}

function uplinkTo(world: NetworkNamespace): Uplink {
  const { router, machine, prefix } = INTERNET;
  return {
    join: async (vm) => {
      await connect(
        { place: world, link: "machine0", addresses: [`${router}/${prefix}`] },
        {
          place: vm,
          link: "uplink0",
          addresses: [`${machine}/${prefix}`],
          routes: [{ to: "default", via: router }],
        },
      );
      // The cable goes with either network.
      return undefined;
    },
  };
}

/** What a tailnet is made of takes minutes to build, the first time. */
async function setUpTailnet(): Promise<void> {
  const setup = spawn(process.execPath, [inTree("tools/setup.mjs"), "tailnet"], { stdio: "inherit" });
  await once(setup, "close");
  if (setup.exitCode !== 0)
    throw new SandboxFailure(EXIT.unavailable, "What a tailnet is made of could not be set up.");
}
