import type { Lending } from "../../client/lending.ts";
import type { EmbeddedControlPlane, OpenedBuild } from "../../control-plane/embedded-control-plane.ts";
import { answerOfBuilds, openBuildFor } from "../builds.ts";
import { takeDiagnostics } from "../diagnostics.ts";
import { orderTraces } from "../traces.ts";
import { answerOfTrusts } from "../trusts.ts";
import { drainMachines } from "./drain.ts";
import { attachedFrom, describeMachine } from "./machines.ts";
import type { PlaneRequest } from "./request.ts";

/** Where a builder's socket listens: systemd/system/builder-agent.socket. */
const BUILDS_PORT = 8443;

/** Longer than clocks differ: by its own, the machine has cut the build long since. */
const EXPIRED_KEPT_MS = 60 * 60_000;

/** What a control plane does for those who ask. */
export function handlePlane(
  plane: EmbeddedControlPlane,
  dir: string,
  lending: Lending,
): (request: PlaneRequest) => Promise<unknown> {
  return async (request) => {
    switch (request.verb) {
      case "build-open": {
        const { machineAddress, ...order } = request;
        plane.endExpired(EXPIRED_KEPT_MS);
        const endpointOf = (build: OpenedBuild): string => `tcp://${machineAddress ?? ownAddress(plane, build)}`;
        return openBuildFor(plane, order, { dir, endpointOf });
      }
      case "build-lend": {
        const { machineAddress, ...order } = request;
        plane.endExpired(EXPIRED_KEPT_MS);
        return lending.lend(order, (build) => `tcp://${machineAddress ?? ownAddress(plane, build)}`);
      }
      case "build-outfit":
      case "build-end":
      case "build-revoke":
      case "build-list":
        return answerOfBuilds(plane, lending, request);
      case "trust-add":
      case "trust-remove":
      case "trust-list":
      case "trust-log":
        return answerOfTrusts(plane.exchange, request);
      case "token-issue": {
        const { verb: _, ttlMs, ...entitlement } = request;
        const expiresAt = new Date(Date.now() + ttlMs).toISOString();
        return { token: plane.issueJoinToken(entitlement, ttlMs), expiresAt };
      }
      case "diagnostics":
        return takeDiagnostics(plane, dir, request.machineId);
      case "traces":
        return orderTraces(plane, request);
      case "machine-list":
        return plane.machines().map(describeMachine);
      case "machine-drain":
        return drainMachines(plane, request);
      case "machine-forget":
        plane.forgetMachine(request.machineId);
        return { machineId: request.machineId };
      case "audit":
        return plane.audit();
      case "ca":
        return { caPem: plane.caPem };
      default:
        return request satisfies never;
    }
  };
}

/** Where clients reach a build's machine; undefined when it has just gone. */
export function machineAddressOf(
  plane: EmbeddedControlPlane,
  build: { readonly serverName: string },
): string | undefined {
  const machine = plane.machines().find(({ serverName }) => serverName === build.serverName);
  // No message of the contract says it: the machine's own stream comes from there.
  const host = machine === undefined ? undefined : attachedFrom(machine);
  return host === undefined ? undefined : `${host}:${BUILDS_PORT}`;
}

function ownAddress(plane: EmbeddedControlPlane, build: OpenedBuild): string {
  const address = machineAddressOf(plane, build);
  if (address !== undefined) return address;
  plane.revokeBuild(build.buildId);
  throw new Error(`The machine of build ${build.buildId} has just gone: the build is closed again.`);
}
