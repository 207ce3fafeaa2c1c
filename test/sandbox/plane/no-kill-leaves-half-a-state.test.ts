import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { DesiredState } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { askPlane } from "../../../sandbox/admin/plane/request.ts";
import { listedBuilds, openedBuild } from "../../../sandbox/admin/request.ts";
import { LabMachine } from "./lab-machine.ts";
import { RunningPlane } from "./running-plane.ts";

const KILLS = 6;
const LATEST_KILL_MS = 120;

/** What the control plane has said is so. */
class Said {
  readonly open = new Set<string>();
  readonly closed = new Set<string>();
  changes = 0;
}

/** Opens and ends builds until the control plane is gone. */
async function keepBusy(plane: RunningPlane, said: Said): Promise<void> {
  try {
    for (;;) {
      const order = { verb: "build-open", org: "acme", project: "app", ttlMs: 600_000 } as const;
      const { buildId } = openedBuild.parse(await askPlane(plane.dir, order));
      said.open.add(buildId);
      said.changes += 1;
      if (said.open.size % 2 === 1) continue;
      // From here on it may be open or not, until there is an answer.
      said.open.delete(buildId);
      await askPlane(plane.dir, { verb: "build-end", buildId });
      said.closed.add(buildId);
      said.changes += 1;
    }
  } catch {
    // Killed in the middle.
  }
}

/** The newest revision of acme/app that is on disk. */
function keptRevision(dir: string): bigint {
  const { state } = JSON.parse(readFileSync(join(dir, "state.json"), "utf8")) as { readonly state: string };
  const { projects } = JSON.parse(state) as { readonly projects: readonly { readonly revision: string }[] };
  return BigInt(projects[0]?.revision ?? 0);
}

it("holds all that it has said, whenever it is killed, and no revision comes with other content", async () => {
  await using plane = await RunningPlane.start();
  const early: bigint[] = [];
  const watch = ({ revision }: DesiredState): void => {
    if (revision > keptRevision(plane.dir)) early.push(revision);
  };
  await using machine = await LabMachine.register(plane, await plane.token(), { watch });
  const said = new Said();
  await machine.until("a desired state", () => true);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const busy = [keepBusy(plane, said), keepBusy(plane, said)];
    const before = said.changes;
    while (said.changes === before) await sleep(1);
    await sleep(Math.random() * LATEST_KILL_MS);
    await plane.kill();
    await Promise.all(busy);
    await plane.startAgain();
    const listed = listedBuilds.parse(await askPlane(plane.dir, { verb: "build-list" }));
    const open = listed.map(({ buildId }) => buildId);
    expect(open).toEqual(expect.arrayContaining([...said.open]));
    expect(open.filter((buildId) => said.closed.has(buildId))).toEqual([]);
    await machine.until("a desired state", () => true);
    expect(machine.contradictions).toEqual([]);
    expect(early).toEqual([]);
  }
  // The machine has heard enough to have noticed.
  expect(said.changes).toBeGreaterThan(KILLS);
});
