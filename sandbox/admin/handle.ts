import { performance } from "node:perf_hooks";
import { BuildPermission } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { Change } from "../control-plane/change.ts";
import type { Stack } from "../stack/stack.ts";
import type { AdminRequest, BuildPermissionName } from "./request.ts";
import { grantTailnet, withdrawTailnet } from "./tailnet.ts";
import { writeTicket } from "./ticket-files.ts";

const PERMISSION_OF: Readonly<Record<BuildPermissionName, BuildPermission>> = {
  build: BuildPermission.BUILD,
  "disk-usage": BuildPermission.DISK_USAGE,
  prune: BuildPermission.PRUNE,
  history: BuildPermission.HISTORY,
  "change-history": BuildPermission.CHANGE_HISTORY,
};

/**
 * What a sandbox does for those who ask. An order is answered when its effect is in force, not when
 * it was sent.
 */
export function handleFor(stack: Stack): (request: AdminRequest) => Promise<unknown> {
  const { plane, dir, endpoint, ref } = stack;
  return async (request) => {
    switch (request.verb) {
      case "build-open": {
        const { verb: _, may, ...order } = request;
        const permissions = may?.map((name) => PERMISSION_OF[name]);
        const opened = await plane.openBuild({ ...order, ...(permissions !== undefined && { permissions }) });
        return writeTicket(dir, endpoint, opened);
      }
      case "build-end":
        return closed(request.buildId, plane.endBuild(request.buildId));
      case "build-revoke":
        return closed(request.buildId, plane.revokeBuild(request.buildId));
      case "build-list":
        return plane.listBuilds().map(({ expiresAt, ...build }) => ({ ...build, expiresAt: expiresAt.toISOString() }));
      case "machine-network":
        return { pid: stack.vm.pid };
      case "tailnet-grant":
        return grantTailnet(plane, request);
      case "tailnet-withdraw":
        return withdrawTailnet(plane, request);
      case "drain": {
        const startedMs = performance.now();
        plane.drain(ref, request);
        await stack.agentEnded;
        return { drainedMs: Math.round(performance.now() - startedMs) };
      }
      default:
        return request satisfies never;
    }
  };
}

async function closed(buildId: string, change: Change): Promise<{ buildId: string; appliedMs: number }> {
  const startedMs = performance.now();
  await change.applied();
  return { buildId, appliedMs: Math.round(performance.now() - startedMs) };
}
