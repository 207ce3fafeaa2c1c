import type { Phase } from "../phase.ts";
import type { TailnetMembership, TailnetWish } from "./wish.ts";

/** What this machine shall be: once it is stopping, a node of no tailnet. */
export function wantedTailnet(wish: TailnetWish | undefined, phase: Phase): TailnetWish | undefined {
  return phase.at === "stopping" ? undefined : wish;
}

/** Why a membership has to end; undefined: it may stay. */
export function reasonToLeave(
  { grantId }: Pick<TailnetMembership, "grantId">,
  wish: TailnetWish | undefined,
  phase: Phase,
): string | undefined {
  if (phase.at === "stopping") return "this machine is stopping";
  if (wish === undefined) return "the control plane withdrew the tailnet";
  return wish.grantId === grantId ? undefined : "the control plane granted another tailnet";
}

/** Why a wish cannot be tried at all; undefined: it can. */
export function impossible(wish: TailnetWish): string | undefined {
  if (wish.grantId === "") return "the control plane asks for a tailnet without a grant's id";
  if (wish.credential.kind === "none") return "the control plane asks for a tailnet without a credential to join it";
  const bad = wish.tags.find((tag) => !/^tag:[A-Za-z][A-Za-z0-9-]*$/.test(tag));
  if (bad !== undefined)
    return `the control plane asks for the tag ${JSON.stringify(bad.slice(0, 64))}: a tag is "tag:" and a name of letters, digits and dashes`;
  if (wish.tags.length === 0)
    return "the control plane asks for a tailnet without a tag: an untagged node would be a person's";
  return undefined;
}

/**
 * Whether a failed join is worth another try before something else is wanted: a key that was handed
 * over is good for one.
 */
export function mayTryAgain(wish: TailnetWish, retryable: boolean): boolean {
  return retryable || wish.credential.kind !== "auth-key";
}
