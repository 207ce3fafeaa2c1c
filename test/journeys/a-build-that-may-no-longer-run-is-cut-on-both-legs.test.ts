import { describe, expect, it } from "vitest";
import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { BuildOrder } from "../../sandbox/control-plane/builds.ts";
import type { HeldBuild } from "./stage/held-build.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import type { Stage } from "./stage/stage.ts";

const stage = sharedStage();

/** Room for the step to begin before its certificate ends, on a loaded machine. */
const CERTIFICATE_TTL_MS = 9_000;
const GRANT_LEFT_MS = 1_500;

interface Case {
  readonly how: string;
  readonly order?: Partial<BuildOrder>;
  /** Wall clock from which on the build may not run. */
  readonly takeAway: (stage: Stage, buildId: string, openedAtMs: number) => number;
  readonly ending: SessionEnding;
}

const CASES: readonly Case[] = [
  {
    how: "is revoked",
    takeAway: ({ plane }, buildId) => {
      plane.revokeBuild(buildId);
      return Date.now();
    },
    ending: SessionEnding.BUILD_REVOKED,
  },
  {
    how: "is ended",
    takeAway: ({ plane }, buildId) => {
      plane.endBuild(buildId);
      return Date.now();
    },
    ending: SessionEnding.BUILD_ENDED,
  },
  {
    how: "has a grant that expires",
    takeAway: ({ plane }, buildId) => {
      const expiresAt = new Date(Date.now() + GRANT_LEFT_MS);
      plane.extendBuild(buildId, expiresAt);
      return expiresAt.getTime();
    },
    ending: SessionEnding.GRANT_EXPIRED,
  },
  {
    how: "has a certificate that expires",
    order: { certificateTtlMs: CERTIFICATE_TTL_MS },
    takeAway: (_, __, openedAtMs) => openedAtMs + CERTIFICATE_TTL_MS,
    ending: SessionEnding.CERTIFICATE_EXPIRED,
  },
];

describe("a build in the middle of a step", () => {
  it.each(CASES)(
    "that $how loses its client and its step, and the record says why",
    async ({ order, takeAway, ending }) => {
      const openedAtMs = Date.now();
      const build = await stage().openBuild(order);
      await using held = await stage().holdBuild(build);
      const overAtMs = takeAway(stage(), build.buildId, openedAtMs);
      const { clientFailedAfterMs } = await cut(held, overAtMs);
      expect(clientFailedAfterMs).toBeGreaterThanOrEqual(0);
      const [record] = await stage().untilRecords(build);
      expect(record?.ending).toBe(ending);
      expect(await stage().askWorkers(build)).toMatchObject({ exitCode: 1 });
    },
  );
});

it("tells from the call to revoke how soon the client fails and the step is gone", async ({ annotate }) => {
  const build = await stage().openBuild();
  await using held = await stage().holdBuild(build);
  const revokedAtMs = Date.now();
  stage().plane.revokeBuild(build.buildId);
  const { clientFailedAfterMs, stepGoneAfterMs } = await cut(held, revokedAtMs);
  // The client hears of its end before the log has it.
  const closed = await stage().log.until("session.closed", ({ data }) => data["buildId"] === build.buildId);
  const applied = await stage().log.last("policy.applied");
  const inGatewayMs = closed.atMs - (applied?.atMs ?? Number.NaN);
  await annotate(
    `after revoke(): gateway applied it at ${(applied?.atMs ?? Number.NaN) - revokedAtMs} ms, cut within ${inGatewayMs} ms of that, client failed at ${clientFailedAfterMs} ms, step gone at ${stepGoneAfterMs} ms`,
  );
  expect(closed.data["ending"]).toBe("build-revoked");
});

it("finishes one of two builds unharmed while the other is cut", async () => {
  const [doomed, other] = [await stage().openBuild(), await stage().openBuild()];
  await using cutOne = await stage().holdBuild(doomed);
  await using kept = await stage().holdBuild(other);
  const revokedAtMs = Date.now();
  stage().plane.revokeBuild(doomed.buildId);
  await cut(cutOne, revokedAtMs);
  expect(await kept.isStepRunning()).toBe(true);
  await kept.finish();
  const [record] = await stage().untilRecords(other);
  expect(record?.ending).toBe(SessionEnding.CLIENT_CLOSED);
  expect((await stage().untilRecords(doomed))[0]?.ending).toBe(SessionEnding.BUILD_REVOKED);
});

async function cut(held: HeldBuild, overAtMs: number) {
  const [{ exitCode, atMs }, stepGoneAtMs] = await Promise.all([held.client.ended, held.stepGone()]);
  expect(exitCode).not.toBe(0);
  return { clientFailedAfterMs: atMs - overAtMs, stepGoneAfterMs: stepGoneAtMs - overAtMs };
}
