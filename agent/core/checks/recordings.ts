import type { Known } from "../known.ts";
import { rfc3339 } from "../moment.ts";
import { type RecordingsView, STUCK_MS, type WaitingRecording } from "../recordings.ts";
import { sizeInWords } from "../size-words.ts";
import { type Check, failed, type Look, ok, unknown } from "./check.ts";

type Kept = Extract<RecordingsView, { at: "kept" }>;

/** In the evidence; the folder has them all. */
const MOST_NAMED = 5;

/**
 * A recording that only this machine has is lost with it. While the control plane is away what
 * waits is told by its own check, and is evidence here.
 */
export const recordings: Check = {
  name: "recordings",
  title: "Recordings of debug terminals",
  blocking: false,
  remedy: "builder-agent logs --unit control | grep recording shows what the control plane answered",
  evidence: ({ recordings: view }) => {
    if (view === undefined) return ["their folder was not looked at yet"];
    if (view.at === "none") return ["debug terminals: none on this machine"];
    return [`folder ${view.directory}: ${view.problem || "can be written"}`, ...waitingFacts(view), ...leftFacts(view)];
  },
  look({ recordings: view, plane, records }, now) {
    if (view === undefined) return unknown("Their folder was not looked at yet");
    if (view.at === "none") return ok("This machine gives no debug terminals");
    const stuck = plane.attached ? view.waiting.filter((one) => isStuck(one, now.wallMs)) : [];
    const isDiskFull = records?.notStored !== undefined;
    return (
      amissHere(view, now.wallMs, isDiskFull) ??
      stuckLook(stuck) ??
      ok(view.waiting.length === 0 ? "None waits" : `${of(view.waiting)} on the way`)
    );
  },
  changesInMs({ recordings: view }: Known, now) {
    if (view?.at !== "kept") return undefined;
    const untilTold = (view.problemFromMs ?? 0) - now.wallMs;
    const left = view.waiting
      .filter(({ waitingBytes }) => waitingBytes > 0)
      .map(({ sinceMs }) => sinceMs + STUCK_MS - now.wallMs)
      .concat(untilTold)
      .filter((ms) => ms > 0);
    return left.length === 0 ? undefined : Math.min(...left);
  },
};

/** The journal of records lies on the same disk, and tells of one that takes nothing. */
function amissHere(
  { directory, problem, problemFromMs = 0, left, moreLeft }: Kept,
  nowMs: number,
  isDiskTold: boolean,
): Look | undefined {
  if (problem !== "" && nowMs >= problemFromMs)
    return failed(`None can be made in ${directory}, so no debug terminal can begin: ${problem}`, {
      remedy: `Make room, or give the folder back to the agent's user: ls -ld ${directory}; df -h ${directory}`,
      ...(isDiskTold && { causedBy: "records" }),
    });
  const refused = left.filter(({ isRefused }) => isRefused);
  if (refused.length > 0)
    return failed(
      `The control plane refused ${refused.length + moreLeft}; they are on this machine alone, in ${directory}`,
      {
        remedy: `Take them where they belong, then remove the *.cast.refused in ${directory}; asciinema play FILE shows one`,
      },
    );
  if (left.length > 0)
    return failed(`${left.length + moreLeft} of an earlier run cannot be taken up, in ${directory}`, {
      remedy: `See whose they are (ls -l ${directory}); one that control may read and write is sent when it starts again`,
    });
  return undefined;
}

function isStuck({ waitingBytes, sinceMs }: WaitingRecording, nowMs: number): boolean {
  return waitingBytes > 0 && nowMs - sinceMs >= STUCK_MS;
}

function stuckLook(stuck: readonly WaitingRecording[]): Look | undefined {
  const [first] = stuck.toSorted((a, b) => a.sinceMs - b.sinceMs);
  if (first === undefined) return undefined;
  const words = `${stuck.length} cannot be stored since ${rfc3339(first.sinceMs)}: ${first.lastFailure || "the control plane takes it and says nothing"}`;
  return failed(words, {
    remedy: "The control plane has to store them (UploadRecording); they are tried again by themselves",
  });
}

function of(waiting: readonly WaitingRecording[]): string {
  const bytes = waiting.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
  return `${waiting.length}, ${sizeInWords(bytes)}`;
}

function waitingFacts({ waiting }: Kept): readonly string[] {
  if (waiting.length === 0) return ["none waits to be stored"];
  const named = waiting.slice(0, MOST_NAMED).map(({ recordingId, waitingBytes, sinceMs, lastFailure }) => {
    const why = lastFailure === "" ? "" : `: ${lastFailure}`;
    return `${recordingId}: ${sizeInWords(waitingBytes)} since ${rfc3339(sinceMs)}${why}`;
  });
  return [`${of(waiting)} in all, wait to be stored`, ...named];
}

function leftFacts({ left, moreLeft }: Kept): readonly string[] {
  const named = left
    .slice(0, MOST_NAMED)
    .map(
      ({ file, sizeBytes, writtenMs }) => `${file}: ${sizeInWords(sizeBytes)}, last written at ${rfc3339(writtenMs)}`,
    );
  const more = left.length - named.length + moreLeft;
  return more > 0 ? [...named, `and ${more} more`] : named;
}
