import { AgentError } from "../../core/errors.ts";
import { guardFingerprint } from "./guard.ts";
import { type NetworkState, readState } from "./state-file.ts";

export interface ShownNetwork extends Pick<NetworkState, "order" | "applied" | "nameservers"> {
  /** "not known" to those who may not ask the kernel. */
  readonly guard: "in force" | "changed by somebody" | "gone" | "not known";
}

/** What was applied last, and whether its guard is still there. Undefined: nothing was. */
export async function showNetwork(stateFile: string, signal: AbortSignal): Promise<ShownNetwork | undefined> {
  const state = await readState(stateFile);
  if (state === undefined) return undefined;
  const { order, applied, nameservers } = state;
  const shown = { ...(order !== undefined && { order }), applied, nameservers };
  try {
    const present = await guardFingerprint(signal);
    if (present === undefined) return { ...shown, guard: "gone" };
    return { ...shown, guard: present === state.guard.kernel ? "in force" : "changed by somebody" };
  } catch (failure) {
    if (!(failure instanceof AgentError)) throw failure;
    return { ...shown, guard: "not known" };
  }
}
