import * as fc from "fast-check";
import { PlaneError } from "../../../agent/core/plane-status.ts";
import { Secret } from "../../../agent/core/secret.ts";
import { COLLIDING_ROUTE } from "../world/build-network.ts";
import { type Issuing, type Reach, USUAL_ISSUING } from "../world/control-plane.ts";
import type { World } from "../world/world.ts";
import { type AnyKind, kind, words } from "./kind.ts";

/** Shorter than what ends a machine that is refused all the time. */
const away = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 540_000 }));

function unreachable(weight: number, reach: Reach, tells: string): AnyKind {
  return kind({
    weight,
    parameters: fc.record({ forMs: away }),
    act: (world, { forMs }) => {
      world.plane.reach = reach;
      if (reach.at !== "silent") world.plane.drop(new PlaneError("Attach", "UNAVAILABLE", "the connection broke"));
      world.clock.at(forMs, () => {
        if (world.plane.reach === reach) world.plane.reach = { at: "up" };
      });
    },
    tell: ({ forMs }) => `${tells} for ${words(forMs)}`,
    lastsMs: ({ forMs }) => forMs,
  });
}

export const CONTROL_PLANE: Readonly<Record<string, AnyKind>> = {
  "plane-down": unreachable(5, { at: "down" }, "the control plane is out of reach"),
  "plane-silent": unreachable(5, { at: "silent" }, "the control plane says nothing"),
  "intermediary-unimplemented": unreachable(
    2,
    { at: "intermediary", status: "UNIMPLEMENTED" },
    "a proxy answers UNIMPLEMENTED",
  ),
  "intermediary-denied": unreachable(
    2,
    { at: "intermediary", status: "PERMISSION_DENIED" },
    "a proxy answers PERMISSION_DENIED",
  ),
  "plane-flaps": kind({
    weight: 4,
    parameters: fc.record({ times: fc.integer({ min: 1, max: 8 }), everyMs: fc.integer({ min: 1, max: 30_000 }) }),
    act: (world, { times, everyMs }) => {
      for (let at = 0; at < times; at += 1)
        world.clock.at(at * everyMs, () =>
          world.plane.drop(new PlaneError("Attach", "UNAVAILABLE", "the connection broke")),
        );
    },
    tell: ({ times, everyMs }) => `the stream breaks ${times} times, every ${words(everyMs)}`,
    lastsMs: ({ times, everyMs }) => times * everyMs,
  }),
  "plane-restarts": kind({
    weight: 3,
    parameters: fc.constant({}),
    act: (world) => world.plane.restart(),
    tell: () => "the control plane restarts with a new epoch",
  }),
  "plane-forgets": kind({
    weight: 2,
    parameters: fc.constant({}),
    act: (world) => {
      world.plane.hasForgotten = true;
      world.plane.drop(new PlaneError("Attach", "UNAUTHENTICATED", "this certificate is not known"));
    },
    tell: () => "the control plane does not know this machine's certificate any more",
  }),
  "plane-clock": kind({
    weight: 2,
    parameters: fc.record({ aheadMs: fc.integer({ min: -7_200_000, max: 7_200_000 }) }),
    act: (world, { aheadMs }) => {
      world.plane.clockAheadMs = aheadMs;
    },
    tell: ({ aheadMs }) => `the control plane's clock is ${words(aheadMs)} ahead`,
  }),
  "records-lost": kind({
    weight: 6,
    parameters: fc.record({ batches: fc.integer({ min: 0, max: 3 }), acks: fc.integer({ min: 0, max: 3 }) }),
    act: (world, { batches, acks }) => {
      world.plane.batchesToLose += batches;
      world.plane.acksToLose += acks;
    },
    tell: ({ batches, acks }) => `the next ${batches} batches of records and ${acks} acknowledgements are lost`,
  }),
  drain: kind({
    weight: 5,
    parameters: fc.record({
      graceMs: fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 7_200_000 })),
      later: fc.option(
        fc.record({ afterMs: fc.integer({ min: 0, max: 300_000 }), graceMs: fc.integer({ min: 0, max: 600_000 }) }),
        { nil: null, freq: 2 },
      ),
    }),
    act: (world, { graceMs, later }) => {
      order(world, graceMs);
      if (later !== null)
        world.clock.at(later.afterMs, () => {
          if (world.plane.drain !== undefined) order(world, later.graceMs);
        });
    },
    tell: ({ graceMs, later }) =>
      `the control plane orders a drain within ${words(graceMs)}${later === null ? "" : `, and ${words(later.afterMs)} later within ${words(later.graceMs)}`}`,
    lastsMs: ({ later }) => later?.afterMs ?? 0,
  }),
  issuing: kind<Partial<Issuing> & { readonly capMs: number | null; readonly forMs: number }>({
    weight: 6,
    parameters: fc.record({
      lifetimeMs: fc.oneof(fc.integer({ min: 900_000, max: 3_600_000 }), fc.integer({ min: 120_000, max: 900_000 })),
      backdatedMs: fc.oneof(fc.constant(60_000), fc.integer({ min: 600_000, max: 7_200_000 })),
      capMs: fc.option(fc.integer({ min: 900_000, max: 3_600_000 }), { nil: null, freq: 2 }),
      forMs: fc.integer({ min: 600_000, max: 5_400_000 }),
    }),
    act: (world, { capMs, forMs, ...issuing }) => {
      const caEndsAtMs = capMs === null ? Number.POSITIVE_INFINITY : world.plane.nowMs + capMs;
      const now: Issuing = { ...USUAL_ISSUING, ...issuing, caEndsAtMs };
      world.plane.issuing = now;
      world.clock.at(forMs, () => {
        if (world.plane.issuing === now) world.plane.issuing = USUAL_ISSUING;
      });
    },
    tell: ({ lifetimeMs, backdatedMs, capMs, forMs }) =>
      `certificates live ${words(lifetimeMs ?? 0)}, backdated by ${words(backdatedMs ?? 0)}${capMs === null ? "" : `, by a CA that ends in ${words(capMs)}`}, for ${words(forMs)}`,
    lastsMs: ({ forMs }) => forMs,
  }),
  "renewals-fail": kind({
    weight: 2,
    parameters: fc.record({ times: fc.integer({ min: 1, max: 5 }) }),
    act: (world, { times }) => {
      world.plane.renewalsToFail += times;
    },
    tell: ({ times }) => `the next ${times} renewals fail`,
  }),
  settings: kind({
    weight: 6,
    parameters: fc.record({ maxParallelism: fc.integer({ min: 1, max: 64 }) }),
    act: (world, { maxParallelism }) => {
      world.plane.settings = { ...world.plane.settings, maxParallelism };
      world.plane.change();
    },
    tell: ({ maxParallelism }) => `BuildKit shall take ${maxParallelism} steps at once`,
  }),
  tailnet: kind({
    weight: 4,
    parameters: fc.record({ isWanted: fc.boolean(), isRequired: fc.boolean(), collides: fc.boolean() }),
    act: (world, { isWanted, isRequired, collides }) => {
      world.tailnet.offer(collides ? [COLLIDING_ROUTE] : []);
      wantTailnet(world, isWanted, isRequired);
    },
    tell: ({ isWanted, isRequired, collides }) =>
      isWanted
        ? `a tailnet is wanted${isRequired ? " and required" : ""}, ${collides ? "with" : "without"} a route that collides`
        : "no tailnet is wanted",
  }),
};

export function wantTailnet(world: World, isWanted: boolean, isRequired: boolean): void {
  world.plane.tailnet = isWanted
    ? {
        grantId: `grant-${world.count()}`,
        credential: { kind: "oauth-client", clientId: "c", clientSecret: new Secret("s") },
        tags: ["tag:builder"],
        acceptRoutes: true,
        required: isRequired,
      }
    : undefined;
  world.plane.change();
}

export function order(world: World, graceMs: number): void {
  world.plane.drain = { reason: "the fleet shrinks", graceMs };
  world.plane.change();
}
