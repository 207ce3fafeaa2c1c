import { AttachResponse } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { BuildPermission, DesiredState } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { messageFromPlane } from "../../agent/adapters/grpc/message-from-plane.ts";
import type { FromPlane } from "../../agent/ports/control-plane.ts";

export type DesiredChanges = Parameters<typeof DesiredState.fromPartial>[0];

/** A state that keeps the contract, and what differs from it. */
export function desiredProto(caPem: string, changes: DesiredChanges = {}): DesiredState {
  return DesiredState.fromPartial({
    revision: 7n,
    epoch: "e",
    sentAt: new Date("2031-02-03T04:05:06.789Z"),
    trustBundle: { trustDomain: "builds.example", buildCaCertificates: caPem },
    assignment: { orgId: "acme", projectId: "app", architecture: "amd64" },
    openBuilds: [
      { buildId: "b-1", orgId: "acme", projectId: "app", expiresAt: new Date("2031-02-03T05:00:00.500Z") },
      {
        buildId: "b-2",
        orgId: "acme",
        projectId: "app",
        expiresAt: new Date("2031-02-03T06:00:00Z"),
        keySpkiSha256: Buffer.alloc(32, 0xab),
        // One of them is newer than we are.
        permissions: { allowed: [BuildPermission.HISTORY, 99 as BuildPermission, BuildPermission.BUILD] },
        contextGroup: "main",
      },
    ],
    ...changes,
  });
}

/** What the agent makes of it after it went over the wire. */
export function received(state: DesiredState): FromPlane | undefined {
  const bytes = AttachResponse.encode({ message: { $case: "desired", value: state } }).finish();
  return messageFromPlane(bytes).message;
}
