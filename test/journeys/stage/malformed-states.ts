import { AttachResponse } from "../../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type { DesiredState } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import type { Stage } from "./stage.ts";

/** What the control plane wants now, as it would send it. */
export function desired({ plane, machine }: Stage): DesiredState {
  return machine.project.desired({
    architecture: machine.architecture,
    epoch: machine.observed?.appliedEpoch ?? "",
    sentAt: new Date(),
    trustBundle: plane.authorities.trustBundle(),
  });
}

export function encoded(state: DesiredState): Uint8Array {
  return AttachResponse.encode({ message: { $case: "desired", value: state } }).finish();
}

export interface MalformedState {
  readonly what: string;
  readonly breach: (now: DesiredState) => Uint8Array;
  /** In the reason that the machine reports. */
  readonly because: string;
}

/** Each also leaves out every open build: what is taken in part would cut the one that runs. */
export const MALFORMED_STATES: readonly MalformedState[] = [
  {
    what: "bytes that are no message",
    breach: () => Buffer.from("ffffffffff", "hex"),
    because: "not a readable AttachResponse",
  },
  { what: "no trust bundle", breach: (now) => encoded({ ...now, trustBundle: undefined }), because: "trust_bundle" },
  { what: "no revision", breach: (now) => encoded({ ...now, revision: 0n }), because: "revision" },
  {
    what: "a build without an end",
    breach: (now) =>
      encoded({ ...now, openBuilds: now.openBuilds.map((build) => ({ ...build, expiresAt: undefined })) }),
    because: "expires_at",
  },
  {
    what: "a build of another project",
    breach: (now) => encoded({ ...now, openBuilds: now.openBuilds.map((build) => ({ ...build, projectId: "other" })) }),
    because: "project_id",
  },
  {
    what: "an older revision",
    breach: (now) => encoded({ ...now, revision: 1n, openBuilds: [] }),
    because: "older than",
  },
  {
    what: "another customer's assignment",
    breach: (now) =>
      encoded({
        ...now,
        openBuilds: [],
        assignment: {
          ...{ orgId: "other", projectId: "app", architecture: now.assignment?.architecture ?? "" },
          debugGrantKey: new Uint8Array(),
        },
      }),
    because: "assigned to other/app",
  },
];
