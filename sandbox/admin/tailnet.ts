import { randomUUID } from "node:crypto";
import type { Tailnet } from "../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { type TailnetObserved, TailnetState } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { WaitedInVain } from "../control-plane/changes.ts";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import { projectName } from "../control-plane/project-ref.ts";
import type { AdminRequest, GrantedTailnet } from "./request.ts";

type Grant = Extract<AdminRequest, { verb: "tailnet-grant" }>;
type Withdrawal = Extract<AdminRequest, { verb: "tailnet-withdraw" }>;

const SETTLED_DEADLINE_MS = 45_000;
/**
 * A machine tries again by itself what failed in passing, an API that was slow for instance, within
 * a second or two at first. What is still failed after this stays so.
 */
const STAYS_FAILED_MS = 4_000;

/** Wants the project's machines to be nodes, and answers once one is, or says why it stays none. */
export async function grantTailnet(plane: EmbeddedControlPlane, grant: Grant): Promise<GrantedTailnet> {
  const startedMs = performance.now();
  const grantId = randomUUID();
  plane.wish(grant, { tailnet: wanted(grantId, grant) });
  const deadlineMs = startedMs + SETTLED_DEADLINE_MS;
  let settled: TailnetObserved | undefined;
  const wait = (until: (tailnet: TailnetObserved) => boolean, mostMs = SETTLED_DEADLINE_MS) =>
    plane.until(() => observed(plane, grant).find((tailnet) => tailnet.grantId === grantId && until(tailnet)), {
      what: `a machine of ${projectName(grant)} to join the tailnet${settled === undefined ? "" : ` (it was tried again after: ${settled.reason})`}`,
      deadlineMs: Math.max(0, Math.min(mostMs, deadlineMs - performance.now())),
    });
  do {
    settled = await wait(({ state }) => state === TailnetState.JOINED || state === TailnetState.FAILED);
  } while (settled.state === TailnetState.FAILED && (await isTriedAgain(wait)));
  const { state, reason, name, nodeId, addresses } = settled;
  const tookMs = Math.round(performance.now() - startedMs);
  return { joined: state === TailnetState.JOINED, reason, name, nodeId, addresses, tookMs };
}

/** Whether what has failed is under way once more. Only time that passes says that it is not. */
async function isTriedAgain(
  wait: (until: (tailnet: TailnetObserved) => boolean, mostMs: number) => Promise<TailnetObserved>,
): Promise<boolean> {
  try {
    await wait(({ state }) => state !== TailnetState.FAILED, STAYS_FAILED_MS);
    return true;
  } catch (failure) {
    if (failure instanceof WaitedInVain) return false;
    throw failure;
  }
}

/** Answers once no machine of the project is a node any more. */
export async function withdrawTailnet(
  plane: EmbeddedControlPlane,
  ref: Withdrawal,
): Promise<{ readonly tookMs: number }> {
  const startedMs = performance.now();
  await plane.wish(ref, { tailnet: undefined }).applied();
  const what = `the machines of ${projectName(ref)} to leave the tailnet`;
  await plane.until(() => observed(plane, ref).length === 0, { what, deadlineMs: SETTLED_DEADLINE_MS });
  return { tookMs: Math.round(performance.now() - startedMs) };
}

function wanted(grantId: string, { credential, ...rest }: Grant): Tailnet {
  const { coordinationUrl, apiUrl, tags, acceptRoutes, required } = rest;
  const { kind } = credential;
  return {
    grantId,
    coordinationUrl,
    apiUrl,
    tags,
    acceptRoutes,
    required,
    credential:
      kind === "auth-key"
        ? { $case: "authKey", value: credential.authKey }
        : {
            $case: "oauthClient",
            value: { clientId: credential.clientId, clientSecret: credential.clientSecret },
          },
  };
}

function observed(plane: EmbeddedControlPlane, { org, project }: Grant | Withdrawal): readonly TailnetObserved[] {
  return plane
    .machines()
    .filter(({ project: { ref } }) => ref.org === org && ref.project === project)
    .flatMap((machine) => machine.observed?.tailnet ?? []);
}
