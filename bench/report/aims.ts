import type { FigureId } from "../measures/figures.ts";
import type { SubjectName } from "../subjects/subject.ts";
import type { Sample } from "./sample.ts";
import { medianOf, ratioTo } from "./statistics.ts";

/** What we want of the gateway. */
type Aim = { readonly text: string; readonly figure: FigureId } & (
  | { readonly peer: SubjectName; readonly atLeast: number }
  | { readonly atMost: number }
);

const OF_COST = "processor time of";

const AIMS: readonly Aim[] = [
  {
    text: "a real build within 5 % of buildkitd's own TLS listener",
    figure: "build",
    peer: "buildkitd",
    atLeast: 1 / 1.05,
  },
  { text: `${OF_COST} bulk up at most HAProxy's`, figure: "bulkUpCpu", peer: "haproxy", atLeast: 1 },
  { text: `${OF_COST} bulk up at most 1.05 of nginx's`, figure: "bulkUpCpu", peer: "nginx", atLeast: 1 / 1.05 },
  { text: `${OF_COST} bulk down at most 0.9 of HAProxy's`, figure: "bulkDownCpu", peer: "haproxy", atLeast: 1 / 0.9 },
  { text: `${OF_COST} a real build at most 1.1 of HAProxy's`, figure: "buildCpu", peer: "haproxy", atLeast: 1 / 1.1 },
  { text: "a real build within 3 % of HAProxy", figure: "build", peer: "haproxy", atLeast: 1 / 1.03 },
  { text: "a real build within 3 % of nginx", figure: "build", peer: "nginx", atLeast: 1 / 1.03 },
  { text: "bulk towards BuildKit as fast as HAProxy", figure: "bulkUp", peer: "haproxy", atLeast: 1 },
  { text: "bulk towards the client at least 1.15 of HAProxy", figure: "bulkDown", peer: "haproxy", atLeast: 1.15 },
  { text: "200 sessions at least 0.9 of HAProxy", figure: "crowd", peer: "haproxy", atLeast: 0.9 },
  { text: "round trip (p50) at least 0.9 of HAProxy", figure: "roundTripP50", peer: "haproxy", atLeast: 0.9 },
  { text: "handshakes at least 0.85 of HAProxy", figure: "handshakes", peer: "haproxy", atLeast: 0.85 },
  { text: "judging calls costs at most 3 % of bulk up", figure: "bulkUpCpu", peer: "unjudged", atLeast: 1 / 1.03 },
  { text: "judging calls costs at most 3 % of bulk down", figure: "bulkDownCpu", peer: "unjudged", atLeast: 1 / 1.03 },
  { text: "at most 75 MB resident with 200 idle sessions", figure: "idleResident", atMost: 75 },
  { text: "at most 30 MB of them private", figure: "idlePrivate", atMost: 30 },
];

/** An aim that was measured. */
export interface JudgedAim {
  readonly text: string;
  readonly measured: number;
  readonly reached: boolean;
}

export function judgeAims(samples: readonly Sample[]): readonly JudgedAim[] {
  return AIMS.flatMap((aim) => {
    const measured = "peer" in aim ? ratioTo(samples, aim.figure, aim.peer) : medianOf(samples, aim.figure, "gateway");
    if (measured === undefined) return [];
    return [{ text: aim.text, measured, reached: "peer" in aim ? measured >= aim.atLeast : measured <= aim.atMost }];
  });
}
