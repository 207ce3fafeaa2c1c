import { performance } from "node:perf_hooks";
import type { CiBesideStack } from "../ci/ci-beside-stack.ts";
import type { Lending } from "../client/lending.ts";
import type { Stack } from "../stack/stack.ts";
import { answerOfBuilds, openBuildFor } from "./builds.ts";
import { answerOfDebug } from "./debug.ts";
import { takeDiagnostics } from "./diagnostics.ts";
import { answerOfMetadata } from "./metadata.ts";
import type { AdminRequest } from "./request.ts";
import { grantTailnet, withdrawTailnet } from "./tailnet.ts";
import { orderTraces } from "./traces.ts";

/**
 * What a sandbox does for those who ask. An order is answered when its effect is in force, not when
 * it was sent.
 */
export function handleFor(
  stack: Stack,
  lending: Lending,
  ci: CiBesideStack | undefined,
): (request: AdminRequest) => Promise<unknown> {
  const { plane, dir, endpoint, ref } = stack;
  return async (request) => {
    switch (request.verb) {
      case "build-open":
        return openBuildFor(plane, request, { dir, endpointOf: () => endpoint });
      case "build-lend":
        return lending.lend(request, () => endpoint);
      case "build-outfit":
      case "build-end":
      case "build-revoke":
      case "build-list":
        return answerOfBuilds(plane, lending, request);
      case "trust-add":
      case "trust-remove":
      case "trust-list":
      case "trust-log":
        return withCi(ci).answerOfTrusts(request);
      case "ci-job":
        return withCi(ci).environmentOf(request);
      case "diagnostics":
        return takeDiagnostics(plane, dir, request.machineId);
      case "traces":
        return orderTraces(plane, request);
      case "machine-network":
        return { pid: stack.vm.pid };
      case "tailnet-grant":
        return grantTailnet(plane, request);
      case "tailnet-withdraw":
        return withdrawTailnet(plane, request);
      case "metadata-fault":
      case "metadata-notice":
      case "metadata-list":
      case "metadata-clear":
      case "metadata-prove":
        return answerOfMetadata(stack, request);
      case "debug-grant":
      case "debug-attach":
      case "debug-list":
      case "debug-withdraw":
        return answerOfDebug(stack, request);
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

function withCi(ci: CiBesideStack | undefined): CiBesideStack {
  if (ci !== undefined) return ci;
  throw new Error("No CI system stands beside this sandbox: start it with --ci.");
}
