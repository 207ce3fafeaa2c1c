import type { BuildIdentity } from "./build-identity.ts";
import type { Assignment } from "./desired-state.ts";
import type { SessionOpening, SessionSummary } from "./session.ts";

type Owner = Pick<Assignment, "orgId" | "projectId">;

/** What a gateway may tell of sessions. */
type Told =
  | { readonly is: "hello"; readonly open: readonly SessionOpening[]; readonly closed: readonly SessionSummary[] }
  | { readonly is: "present" }
  | { readonly is: "opened"; readonly opening: SessionOpening }
  | { readonly is: "closed"; readonly summary: SessionSummary };

/**
 * Without sessions of other projects: no build of one is let in here, and a control plane that is
 * told of one may refuse this machine's whole stream, again and again. `event` is undefined where
 * nothing is left.
 */
export function ownSessions<Event extends Told>(
  event: Event,
  owner: Owner,
): { readonly event: Event | undefined; readonly foreign: number } {
  const isOwn = ({ build }: { readonly build: BuildIdentity }): boolean =>
    build.orgId === owner.orgId && build.projectId === owner.projectId;
  switch (event.is) {
    case "hello": {
      const [open, closed] = [event.open.filter(isOwn), event.closed.filter(isOwn)];
      const foreign = event.open.length + event.closed.length - open.length - closed.length;
      return { event: foreign === 0 ? event : { ...event, open, closed }, foreign };
    }
    case "opened":
      return isOwn(event.opening) ? { event, foreign: 0 } : { event: undefined, foreign: 1 };
    case "closed":
      return isOwn(event.summary) ? { event, foreign: 0 } : { event: undefined, foreign: 1 };
    case "present":
      return { event, foreign: 0 };
    default:
      return event satisfies never;
  }
}
