import { performance } from "node:perf_hooks";
import type { z } from "zod";
import type { Lending } from "../client/lending.ts";
import { PERMISSION_OF } from "../control-plane/builds.ts";
import type { Change } from "../control-plane/change.ts";
import type { EmbeddedControlPlane, OpenedBuild } from "../control-plane/embedded-control-plane.ts";
import { messageOf } from "../failure.ts";
import type { buildOrder, OpenedBuildFiles, ofBuilds } from "./request.ts";
import { writeTicket } from "./ticket-files.ts";

/** Opens a build, and writes its client's files into `dir`. */
export async function openBuildFor(
  plane: EmbeddedControlPlane,
  request: z.output<typeof buildOrder>,
  { dir, endpointOf }: { readonly dir: string; endpointOf: (build: OpenedBuild) => string },
): Promise<OpenedBuildFiles> {
  const { verb: _, may, ...order } = request;
  const permissions = may?.map((name) => PERMISSION_OF[name]);
  const opened = await plane.openBuild({ ...order, ...(permissions !== undefined && { permissions }) });
  return writeTicket(dir, endpointOf(opened), opened);
}

/** What else can be asked about builds. An end is answered when it is in force. */
export async function answerOfBuilds(
  plane: EmbeddedControlPlane,
  lending: Lending,
  request: z.output<(typeof ofBuilds)[number]>,
): Promise<unknown> {
  switch (request.verb) {
    case "build-outfit":
      return lending.outfitOf(request.buildId);
    case "build-end":
    case "build-revoke": {
      const { verb, buildId } = request;
      const change = verb === "build-end" ? plane.endBuild(buildId) : plane.revokeBuild(buildId);
      await lending.forget(buildId);
      return closed(buildId, change);
    }
    case "build-list":
      return plane.listBuilds().map(({ expiresAt, ...build }) => ({ ...build, expiresAt: expiresAt.toISOString() }));
    default:
      return request satisfies never;
  }
}

async function closed(buildId: string, change: Change): Promise<{ buildId: string; appliedMs: number }> {
  const startedMs = performance.now();
  await change.applied().catch((cause: unknown) => {
    throw new Error(`Build ${buildId} is closed, and not every machine has confirmed it: ${messageOf(cause)}`, {
      cause,
    });
  });
  return { buildId, appliedMs: Math.round(performance.now() - startedMs) };
}
