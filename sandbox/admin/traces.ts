import { z } from "zod";
import type { Condition } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import { WaitedInVain } from "../control-plane/changes.ts";
import type { EmbeddedControlPlane } from "../control-plane/embedded-control-plane.ts";
import type { Machine } from "../control-plane/machine.ts";
import { type ProjectRef, projectName } from "../control-plane/project-ref.ts";

/** What its machines have to say of an order comes with their next report. */
const SAID_DEADLINE_MS = 10_000;

const id = z.string().min(1);

/** Where the spans of a project's machines go. Without `order`: where each machine itself says. */
export const tracesRequest = z.object({
  verb: z.literal("traces"),
  org: id,
  project: id,
  order: z
    .object({
      otlpEndpoint: z.string(),
      headers: z.record(z.string(), z.string()),
      caCertificates: z.string(),
      sessionPercent: z.int(),
    })
    .exactOptional(),
});

/** What each machine says of it, in its own words. */
export const orderedTraces = z.array(z.object({ machineId: z.string(), ok: z.boolean(), says: z.string() }));

type Answer = z.output<typeof orderedTraces>;

/** Answers when every attached machine has the order, with what each says of it. */
export async function orderTraces(
  plane: EmbeddedControlPlane,
  { org, project, order }: z.output<typeof tracesRequest>,
): Promise<Answer> {
  const ref = { org, project };
  const before = new Map(attached(plane, ref).map((machine) => [machine.id, conditionOf(machine)?.message]));
  await plane.wish(ref, { traceExport: order }).applied();
  const haveSaid = (): boolean =>
    attached(plane, ref).every((machine) => conditionOf(machine)?.message !== before.get(machine.id));
  try {
    await plane.until(haveSaid, { what: `machines of ${projectName(ref)} to answer`, deadlineMs: SAID_DEADLINE_MS });
  } catch (failure) {
    // The same order once more: they say what they have said.
    if (!(failure instanceof WaitedInVain)) throw failure;
  }
  return attached(plane, ref).map((machine) => {
    const { ok = false, message = "It knows of no traces: its agent is an older one" } = conditionOf(machine) ?? {};
    return { machineId: machine.id, ok, says: message };
  });
}

function attached(plane: EmbeddedControlPlane, ref: ProjectRef): readonly Machine[] {
  return plane
    .machines()
    .filter(({ link, project }) => link !== undefined && projectName(project.ref) === projectName(ref));
}

function conditionOf({ observed }: Machine): Condition | undefined {
  return observed?.conditions.find(({ name }) => name === "traces");
}
