import type { FigureId } from "../measures/figures.ts";
import type { SubjectName } from "../subjects/subject.ts";
import type { Sample } from "./sample.ts";
import { medianOf, ratioTo } from "./statistics.ts";

/** What we want of the gateway. */
type Aim = { readonly text: string; readonly figure: FigureId } & (
  | { readonly peer: SubjectName; readonly atLeast: number }
  | { readonly atMost: number }
);

const AIMS: readonly Aim[] = [
  {
    text: "a real build within 5 % of buildkitd's own TLS listener",
    figure: "build",
    peer: "buildkitd",
    atLeast: 1 / 1.05,
  },
  { text: "bulk towards BuildKit at least 0.8 of HAProxy", figure: "bulkUp", peer: "haproxy", atLeast: 0.8 },
  { text: "bulk towards the client at least 0.8 of HAProxy", figure: "bulkDown", peer: "haproxy", atLeast: 0.8 },
  { text: "round trip (p50) at least 0.8 of HAProxy", figure: "roundTripP50", peer: "haproxy", atLeast: 0.8 },
  { text: "round trip (p99) at least 0.8 of HAProxy", figure: "roundTripP99", peer: "haproxy", atLeast: 0.8 },
  { text: "judging calls costs at most 3 % of bulk up", figure: "bulkUpCpu", peer: "unjudged", atLeast: 1 / 1.03 },
  { text: "judging calls costs at most 3 % of bulk down", figure: "bulkDownCpu", peer: "unjudged", atLeast: 1 / 1.03 },
  { text: "at most 90 MB resident with 200 idle sessions", figure: "idleResident", atMost: 90 },
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
