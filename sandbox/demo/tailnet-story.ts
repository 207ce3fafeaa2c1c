import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tailnet } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { TailnetState } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { OpenedBuildFiles } from "../admin/request.ts";
import { writeTicket } from "../admin/ticket-files.ts";
import { EXIT, SandboxFailure } from "../failure.ts";
import { readAgentLog } from "../stack/agent-log.ts";
import { buildctlArguments, shellLines } from "../stack/client-lines.ts";
import type { NamespacedTailnet } from "../tailnet/in-namespaces.ts";
import { BUILDER_TAG } from "../tailnet/policy.ts";
import { type Fetched, fetchArguments, fetchPage } from "./private-page.ts";
import type { Scene } from "./story.ts";

export interface TailnetScene extends Scene {
  readonly site: NamespacedTailnet;
}

const LOOK_EVERY_MS = 20;
const DEADLINE_MS = 20_000;

/**
 * The story from a refused fetch to a node that has vanished. @throws {SandboxFailure} where it
 * does not go as it must.
 */
export async function tellTailnetStory(scene: TailnetScene): Promise<void> {
  const { stack, narrator, signal } = scene;
  const build = await writeTicket(stack.dir, stack.endpoint, await stack.plane.openBuild(stack.ref, signal));
  narrator.chapter("Without a grant a build gets nowhere near it");
  showBuild(scene, build);
  await refused(scene, build);
  await grant(scene);
  await fetched(scene, build);
  await withdraw(scene);
  await refused(scene, build);
}

function showBuild({ site, tools, stack, narrator }: TailnetScene, build: OpenedBuildFiles): void {
  const args = fetchArguments({ tools, host: site.tailnet.peer.name, outputDir: join(stack.dir, "page") });
  narrator.command(shellLines(["buildctl", ...buildctlArguments(build), ...args]));
}

async function refused(scene: TailnetScene, build: OpenedBuildFiles): Promise<void> {
  const { peer } = scene.site.tailnet;
  const byName = await fetch(scene, build, peer.name);
  const byAddress = await fetch(scene, build, peer.addresses[0] ?? "");
  for (const [how, { page, said, tookMs }] of Object.entries({ "by name": byName, "by address": byAddress })) {
    if (page !== undefined) throw new SandboxFailure(EXIT.software, `Without a grant the page was reached ${how}.`);
    scene.narrator.seen(`not reached ${how}: ${said}`, tookMs);
  }
}

/** As the customer's settings would have it; the OAuth client is the customer's. */
async function grant(scene: TailnetScene): Promise<void> {
  const { stack, site, narrator } = scene;
  narrator.chapter("The customer grants its tailnet, and the machine becomes a node of it");
  const startedMs = performance.now();
  stack.plane.wish(stack.ref, { tailnet: wishFor(site) });
  const joined = await eventually(scene, "the machine to be a node", () => {
    const [machine] = stack.plane.machines();
    const tailnet = machine?.observed?.tailnet;
    return Promise.resolve(tailnet?.state === TailnetState.JOINED ? tailnet : undefined);
  });
  await eventually(scene, "the guard to open", async () =>
    (await readAgentLog(stack.agentLogFile)).find(
      ({ event, data }) => event === "network.applied" && data["tailnet"] === "open",
    ),
  );
  narrator.seen("joined, and open to builds", performance.now() - startedMs);
  const node = (await site.tailnet.headscale.nodes()).find(({ id }) => id === joined.nodeId);
  if (node === undefined || !node.ephemeral || node.tags.join() !== BUILDER_TAG)
    throw new SandboxFailure(EXIT.software, `The node is not as it must be: ${JSON.stringify(node)}`);
  narrator.detail(`node   ${joined.name}, ${joined.addresses[0]}\ntags   ${node.tags.join(", ")}; ephemeral`);
}

async function fetched(scene: TailnetScene, build: OpenedBuildFiles): Promise<void> {
  const { site, narrator } = scene;
  narrator.chapter("The same step, unchanged, fetches the page by its name");
  const { page, said, tookMs } = await fetch(scene, build, site.tailnet.peer.name);
  if (page !== site.tailnet.page.text)
    throw new SandboxFailure(EXIT.software, `The step did not get the page: ${page ?? said}`);
  narrator.seen(`the page says: ${page.trim()}`, tookMs);
}

async function withdraw(scene: TailnetScene): Promise<void> {
  const { stack, site, narrator } = scene;
  narrator.chapter("The grant is withdrawn: the guard closes, the node leaves");
  const startedMs = performance.now();
  stack.plane.wish(stack.ref, { tailnet: undefined });
  await eventually(scene, "the node to vanish", async () => {
    const nodes = await site.tailnet.headscale.nodes();
    return nodes.some(({ tags }) => tags.includes(BUILDER_TAG)) ? undefined : true;
  });
  narrator.seen("the coordination server knows no such node any more", performance.now() - startedMs);
}

function wishFor({ tailnet }: NamespacedTailnet): Tailnet {
  const { clientId, clientSecret } = tailnet.client;
  return {
    grantId: "grant-1",
    coordinationUrl: tailnet.headscale.url,
    apiUrl: tailnet.api.url,
    credential: { $case: "oauthClient", value: { clientId, clientSecret } },
    tags: [BUILDER_TAG],
    acceptRoutes: false,
    required: false,
  };
}

function fetch({ stack, tools, signal }: TailnetScene, build: OpenedBuildFiles, host: string): Promise<Fetched> {
  return fetchPage({ build, tools, host, outputDir: join(stack.dir, "page"), signal });
}

/** @throws {SandboxFailure} after 20 s; the signal's reason. */
async function eventually<T>({ signal }: TailnetScene, what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  for (;;) {
    signal.throwIfAborted();
    const found = await probe();
    if (found !== undefined) return found;
    if (deadline.aborted) throw new SandboxFailure(EXIT.software, `Waited ${DEADLINE_MS} ms for ${what}.`);
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
