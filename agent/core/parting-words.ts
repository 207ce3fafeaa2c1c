import type { TurnedAway } from "./turned-away.ts";

/** What a client is told that may not build here, as gRPC says it. */
export interface PartingWords {
  /** "unavailable": to ask again can help; clients of BuildKit do so by themselves. */
  readonly status: "failed-precondition" | "unavailable" | "resource-exhausted";
  readonly message: string;
}

/** A check's sentence may hold what a program said. */
const DETAIL_MAX_CHARS = 300;

/**
 * Words for a client whose certificate is good: for whoever has none, or one of nobody's that we
 * know, there are none. Of builds that are open here, or were, only their own client learns.
 *
 * @param detail What the log says of it.
 */
export function partingWords(reason: TurnedAway, detail: string): PartingWords | undefined {
  switch (reason) {
    case "machine-draining":
      return never("this machine is about to end and takes no new build: start it on another one");
    case "build-ended":
      return never("this build is over on this machine");
    case "build-revoked":
      return never("this build was revoked");
    case "grant-expired":
      return never(`this build expired at ${detail}, by this machine's clock`);
    case "no-grant":
    case "key-not-granted":
      return never("no build is open on this machine for this certificate");
    case "not-admitting":
      return { status: "unavailable", message: `this machine lets no build in now: ${shortened(detail)}` };
    case "view-too-old":
      return {
        status: "unavailable",
        message: "this machine has not heard from its control plane for minutes, and lets nobody in until it has",
      };
    case "too-many-sessions-of-build":
      return {
        status: "resource-exhausted",
        message: "this build opens more connections a minute than this machine takes: try again in a minute",
      };
    default:
      return undefined;
  }
}

/** The same client hears the same, however often it asks. */
function never(message: string): PartingWords {
  return { status: "failed-precondition", message };
}

function shortened(text: string): string {
  return text.length > DETAIL_MAX_CHARS ? `${text.slice(0, DETAIL_MAX_CHARS)}…` : text;
}
