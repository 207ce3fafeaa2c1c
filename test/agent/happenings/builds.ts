import * as fc from "fast-check";
import type { World } from "../world/world.ts";
import { type AnyKind, kind, words } from "./kind.ts";

const REDIAL_MS = 5_000;
const REDIALS = 60;

interface Build {
  readonly sessions: number;
  readonly sessionMs: number;
  readonly lifeMs: number;
  readonly ends: "ended" | "revoked" | "expires";
}

/**
 * Opens a build, whose clients dial until they are let in, and closes it after its time. Returns
 * its id.
 */
export function openBuild(world: World, { sessions, sessionMs, lifeMs, ends }: Build): string {
  const buildId = `build-${world.count()}`;
  world.plane.grant(buildId, ends === "expires" ? lifeMs : lifeMs + 3_600_000);
  if (ends !== "expires") world.clock.at(lifeMs, () => world.plane.close(buildId, ends));
  else world.clock.at(lifeMs + 60_000, () => world.plane.close(buildId, "ended"));
  for (let at = 0; at < sessions; at += 1)
    world.clock.at(1_000 + at * 7, () => dial(world, buildId, sessionMs, REDIALS));
  return buildId;
}

/** A client that is refused or cut dials again, as they do. */
function dial(world: World, buildId: string, sessionMs: number, times: number): void {
  if (times === 0 || !world.plane.has(buildId)) return;
  let isOver = false;
  const again = (): void => {
    world.clock.at(REDIAL_MS, () => dial(world, buildId, sessionMs, times - 1));
  };
  const sessionId = world.gateway.dial(buildId, () => {
    if (!isOver) again();
  });
  if (sessionId === undefined) return again();
  world.clock.at(sessionMs, () => {
    isOver = true;
    world.gateway.hangUp(sessionId);
  });
}

export const BUILDS: Readonly<Record<string, AnyKind>> = {
  build: kind<Build>({
    weight: 30,
    parameters: fc.record({
      sessions: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
        { weight: 1, arbitrary: fc.integer({ min: 100, max: 300 }) },
      ),
      sessionMs: fc.oneof(fc.integer({ min: 100, max: 20_000 }), fc.integer({ min: 60_000, max: 1_800_000 })),
      lifeMs: fc.oneof(fc.integer({ min: 5_000, max: 120_000 }), fc.integer({ min: 300_000, max: 2_400_000 })),
      ends: fc.constantFrom("ended", "revoked", "expires"),
    }),
    act: openBuild,
    tell: ({ sessions, sessionMs, lifeMs, ends }) =>
      `a build opens with ${sessions} sessions of ${words(sessionMs)}; it ${ends === "expires" ? "expires" : `is ${ends}`} after ${words(lifeMs)}`,
    lastsMs: ({ lifeMs }) => lifeMs,
  }),
};
