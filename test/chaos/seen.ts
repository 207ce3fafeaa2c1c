import { SessionEnding } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { Stage } from "../journeys/stage/stage.ts";
import { wordOf } from "./builders.ts";
import type { BuildRun, RecordSeen, SessionSeen } from "./timeline.ts";

/** The sessions that gateways let in, by their log. */
export async function sessionsSeen({ log }: Stage): Promise<readonly SessionSeen[]> {
  const opened = await log.all("session.opened");
  return opened.map(({ data, atMs }) => ({
    sessionId: String(data["sessionId"]),
    buildId: String(data["buildId"]),
    openedMs: atMs,
  }));
}

/** What the control plane has. */
export function recordsSeen({ plane }: Pick<Stage, "plane">): readonly RecordSeen[] {
  return plane.records().map(({ sessionId, buildId, bootId, sequence, ending }) => ({
    ...{ sessionId, buildId, bootId, sequence },
    ending: wordOf(SessionEnding, ending),
  }));
}

/** With what the records of failed builds tell, and whether there were sessions at all. */
export function withTells(
  builds: readonly BuildRun[],
  sessions: readonly SessionSeen[],
  records: readonly RecordSeen[],
): readonly BuildRun[] {
  return builds.map((build) => {
    const { outcome, buildId } = build;
    if (outcome.is !== "failed") return build;
    const endings = records.filter((record) => record.buildId === buildId).map(({ ending }) => `ending:${ending}`);
    const wasTaken = !outcome.tells.some((told) => told === "unaccepted" || told.startsWith("refused:"));
    const wasLetIn = sessions.some((session) => session.buildId === buildId);
    const tells = [...outcome.tells, ...endings, ...(wasTaken && !wasLetIn ? ["no-session"] : [])];
    return { ...build, outcome: { ...outcome, tells } };
  });
}
