import { AgentError } from "../../core/errors.ts";
import type { TailnetMembership } from "../../core/tailnet/wish.ts";
import type { DaemonState } from "./daemon-status.ts";
import type { LocalApi } from "./local-api.ts";
import { membershipOf } from "./membership.ts";

/** Being a node of nothing any more, and what that means. */
const OVER: Partial<Readonly<Record<DaemonState, string>>> = {
  NeedsLogin:
    "The coordination server does not know this machine any more: it was removed from the tailnet, or its key expired",
  NeedsMachineAuth: "The coordination server takes this machine for unapproved since",
  Stopped: "Somebody stopped tailscaled's connection by hand",
};

/**
 * The membership now and after each change, for as long as it is one. @throws {AgentError}
 * "tailnet.logged-out", "tailnet.daemon-failed" (retryable).
 */
export async function* watchMembership(
  api: LocalApi,
  grantId: string,
  signal: AbortSignal,
): AsyncGenerator<TailnetMembership, void, undefined> {
  let told = "";
  for await (const { state, changed } of api.notifications(signal)) {
    const over = state === undefined ? undefined : OVER[state];
    if (over !== undefined) throw new AgentError("tailnet.logged-out", over, { retryable: true });
    if (!changed && state === undefined) continue;
    const membership = membershipOf(grantId, await api.status(signal), await api.acceptsRoutes(signal));
    const shown = JSON.stringify(membership);
    if (shown === told) continue;
    told = shown;
    yield membership;
  }
}
