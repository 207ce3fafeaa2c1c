import type { Condition } from "../../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { paced } from "../machine/pace.ts";

/** Under emulation: from power to ready. */
const READY_DEADLINE_MS = paced(400_000);

/** What the machines that are attached report of their checks. */
export function conditions(plane: EmbeddedControlPlane): readonly Condition[] {
  const attached = plane.machines().filter(({ link }) => link !== undefined);
  return attached.flatMap(({ observed }) => observed?.conditions ?? []);
}

/** As `plane.until`. @throws {Error} also with what the machine says stands in its way. */
export async function untilTold<T>(
  plane: EmbeddedControlPlane,
  what: string,
  probe: () => T | undefined | false,
): Promise<T> {
  return plane.until(probe, { what, deadlineMs: READY_DEADLINE_MS }).catch((cause: unknown) => {
    const bad = conditions(plane).filter(({ ok }) => !ok);
    const list = bad.map(({ name, message }) => `${name}: ${message}`).join("\n");
    throw new Error(`Waited for ${what}. The agent says:\n${list || "nothing"}`, { cause });
  });
}

/** What the agent reports of one of its checks, once its message has this in it. */
export function untilSays(plane: EmbeddedControlPlane, check: string, text: RegExp): Promise<Condition> {
  const told = (): Condition | undefined =>
    conditions(plane).find(({ name, message }) => name === check && text.test(message));
  return untilTold(plane, `the agent to say of its check "${check}": ${text}`, told);
}
