import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { clearFaults, listFaults, orderFault } from "../metadata/orders.ts";
import { readAgentLog } from "../stack/agent-log.ts";
import { forgetIdentity } from "../stack/control-process.ts";
import type { Stack } from "../stack/stack.ts";
import type { AdminRequest } from "./request.ts";

type MetadataRequest = Extract<AdminRequest, { readonly verb: `metadata-${string}` }>;

/** Longer than evidence may take, and a start of control. */
const PROVED_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** Orders to the platforms that stand in for the sandbox's machine. */
export async function answerOfMetadata(stack: Stack, request: MetadataRequest): Promise<unknown> {
  const { standIns } = stack;
  if (standIns === undefined)
    throw new Error("This sandbox's machine came by a join token: start one with --evidence, for instance auto.");
  switch (request.verb) {
    case "metadata-fault":
      orderFault(standIns, request.order);
      return listFaults(standIns);
    case "metadata-clear":
      clearFaults(standIns);
      return listFaults(standIns);
    case "metadata-notice":
      standIns.notices.announce(request.order);
      return standIns.notices.list();
    case "metadata-list":
      return listFaults(standIns);
    case "metadata-prove":
      return proveAnew(stack);
    default:
      return request satisfies never;
  }
}

/** Answers when the machine is attached again, or has said why it has no evidence. */
async function proveAnew(stack: Stack): Promise<unknown> {
  const { plane, agentConfigFile, agentRuntimeDir, agentLogFile } = stack;
  const attached = () => plane.machines().filter(({ link }) => link !== undefined);
  const linesBefore = (await readAgentLog(agentLogFile)).length;
  const startedMs = performance.now();
  await stack.refreshToken();
  const before = plane.machines().map(({ id }) => id);
  await forgetIdentity(agentConfigFile, agentRuntimeDir);
  await plane.until(() => attached().length === 0, { what: "the machine's stream to be gone" });
  // It comes with another key, and nobody is to wait for the lease of the one before to end.
  for (const id of before) plane.forgetMachine(id);
  for (;;) {
    const tookMs = Math.round(performance.now() - startedMs);
    if (attached().length > 0) return { proved: true, tookMs };
    const lines = (await readAgentLog(agentLogFile)).slice(linesBefore);
    const failed = lines.findLast(({ event }) => event === "identity.registration-failed");
    if (failed !== undefined) return { proved: false, tookMs, because: whyIn(failed.data) };
    if (tookMs > PROVED_MS) return { proved: false, tookMs, because: "it has said nothing yet" };
    await sleep(LOOK_EVERY_MS);
  }
}

function whyIn({ err }: Readonly<Record<string, unknown>>): string {
  return typeof err === "object" && err !== null && "message" in err ? String(err.message) : "it does not say why";
}
