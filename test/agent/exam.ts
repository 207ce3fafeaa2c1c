import type { Fact } from "./facts.ts";
import { openBuild } from "./happenings/builds.ts";
import { wantTailnet } from "./happenings/control-plane.ts";
import type { World } from "./world/world.ts";

/** From the end of all faults: the longest pause of any loop, twice. */
const RECOVERED_MS = 12 * 60_000;
const LEARNED_MS = 5 * 60_000;
/** How long after calm a machine is judged. */
export const SETTLED_MS = RECOVERED_MS + LEARNED_MS;

/**
 * Once faults cease, the machine has to be whole again, and every loop has to prove that it still
 * runs: each is given something to do.
 */
export function examine(world: World): void {
  world.clock.at(RECOVERED_MS, () => {
    const amiss = [...whatIsAmiss(world)];
    if (amiss.length > 0) return world.trace.note({ is: "settled", amiss });
    const maxParallelism = world.plane.settings.maxParallelism + 1;
    world.plane.settings = { ...world.plane.settings, maxParallelism };
    wantTailnet(world, world.plane.tailnet === undefined, true);
    const served = openBuild(world, { sessions: 2, sessionMs: 30_000, lifeMs: 120_000, ends: "ended" });
    let sessions = 0;
    world.onFact = (fact: Fact) => {
      if (fact.is === "session-opened" && fact.buildId === served) sessions += 1;
    };
    world.clock.at(LEARNED_MS, () => {
      const unserved = sessions < 2 ? ["a new build was not let in"] : [];
      world.trace.note({ is: "settled", amiss: [...unserved, ...whatIsAmiss(world)] });
    });
  });
}

function* whatIsAmiss(world: World): Generator<string> {
  const { plane, gateway, buildkit, tailnet, network, disk, shown } = world;
  if (!world.isRunning) yield "the control process does not run";
  if (shown === undefined) {
    yield "nothing is shown";
    return;
  }
  if (shown.phase.at !== "ready") yield `it is ${shown.phase.at}: ${world.unready}`;
  if (!plane.isAttached) yield "it is not attached";
  if (gateway.applied?.epoch !== plane.epoch || gateway.applied.revision !== plane.revision)
    yield `the gateway has revision ${gateway.applied?.revision}, not ${plane.revision}`;
  if (disk.waiting > 0) yield `${disk.waiting} records wait`;
  if (gateway.unacknowledged > 0) yield `the gateway keeps ${gateway.unacknowledged} records`;
  const [maxParallelism] = JSON.parse(buildkit.config || "[]") as unknown[];
  if (maxParallelism !== plane.settings.maxParallelism && gateway.openCount === 0)
    yield "BuildKit runs with old settings";
  if (tailnet.membership?.grantId !== plane.tailnet?.grantId) yield "the tailnet is not as it is wanted";
  const isOpen = network.applied?.tailnet === "open";
  if (isOpen !== (plane.tailnet !== undefined)) yield `the guard is ${isOpen ? "open" : "closed"} to the tailnet`;
}
