import { type CaBundles, type CaDates, judgeBundle } from "../ca-bundles.ts";
import { rfc3339 } from "../moment.ts";
import { planeNowMs } from "../plane-time.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** Of one bundle; the rest is counted. */
const MOST_CAS = 5;

/**
 * Warns while there is time to change a CA. Once none of builds' CAs is good every client is
 * refused: builds are not to be sent here.
 */
export const caBundles: Check = {
  name: "ca-bundles",
  title: "CAs that are believed",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy:
    "Of builds: the control plane has to send a newer CA beside the old one. Of the control plane: change controlPlane.caFile",
  evidence: ({ bundles }) =>
    bundles === undefined
      ? ["no CA was read yet"]
      : [
          ...bundleFacts("control plane", bundles.controlPlane),
          ...(bundles.builds === undefined ? ["builds: none sent yet"] : bundleFacts("builds", bundles.builds)),
        ],
  look({ bundles, plane }, now) {
    if (bundles === undefined) return unknown("Not read yet");
    const nowMs = planeNowMs(plane.time, now);
    const amiss = judged(bundles)
      .map(([whose, cas]) => ({ whose, ...judgeBundle(cas, nowMs) }))
      .filter(({ is }) => is !== "good");
    if (amiss.length > 0) {
      const words = amiss.map(
        ({ whose, is, endsAtMs }) => `${whose} ${is === "ended" ? "ended at" : "ends at"} ${rfc3339(endsAtMs)}`,
      );
      const isShut = amiss.some(({ whose, is }) => is === "ended" && whose === BUILDS);
      return failed(`The last CA of ${words.join("; the last CA of ")}`, { blocking: isShut });
    }
    if (bundles.builds === undefined) return unknown("The control plane has not sent the CAs of builds yet");
    const first = Math.min(...judged(bundles).map(([, cas]) => judgeBundle(cas, nowMs).endsAtMs));
    return ok(`Good until ${rfc3339(first)}`);
  },
  changesInMs({ bundles, plane }, now) {
    const nowMs = planeNowMs(plane.time, now);
    const moments = judged(bundles).flatMap(([, cas]) => {
      const { endsAtMs, warnAtMs } = judgeBundle(cas, nowMs);
      return [warnAtMs, endsAtMs].map((ms) => ms - nowMs);
    });
    const left = moments.filter((ms) => ms > 0);
    return left.length === 0 ? undefined : Math.min(...left);
  },
};

const BUILDS = "builds' certificates";

function judged(bundles: CaBundles | undefined): readonly (readonly [string, readonly CaDates[]])[] {
  if (bundles === undefined) return [];
  const { controlPlane, builds } = bundles;
  return [
    ["the control plane's certificate", controlPlane],
    ...(builds === undefined ? [] : [[BUILDS, builds] as const]),
  ];
}

function bundleFacts(whose: string, cas: readonly CaDates[]): readonly string[] {
  const shown = cas
    .slice(0, MOST_CAS)
    .map(({ subject, notAfterMs }) => `${whose}: ${subject} until ${rfc3339(notAfterMs)}`);
  return cas.length > MOST_CAS ? [...shown, `${whose}: ${cas.length - MOST_CAS} more`] : shown;
}
