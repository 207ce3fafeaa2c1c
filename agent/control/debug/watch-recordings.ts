import { untilBeatMs } from "../../core/beat.ts";
import { PROBLEM_AFTER_MS, type WaitingRecording } from "../../core/recordings.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Recordings } from "../../ports/debug-terminal.ts";
import type { Board } from "../board/board.ts";

const LOOK_EVERY_MS = 2_000;

/** Looks at what waits to be stored and at the folder, every few seconds. Ends with `signal`. */
export async function watchRecordings(
  { recordings, clock }: { readonly recordings: Pick<Recordings, "look">; readonly clock: Clock },
  uploads: { readonly waiting: readonly WaitingRecording[] },
  cell: Board["recordings"],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const folder = await recordings.look();
    const before = cell.get();
    // Of a folder that was well a moment ago; one that is first seen so is told at once.
    const graceMs = before === undefined ? 0 : PROBLEM_AFTER_MS;
    const since = before?.at === "kept" ? before.problemFromMs : undefined;
    const problemFromMs = since ?? clock.now().wallMs + graceMs;
    const problem = folder.problem === "" ? {} : { problemFromMs };
    cell.set({ at: "kept", waiting: uploads.waiting, ...folder, ...problem });
    await clock.sleep(untilBeatMs(clock.now(), LOOK_EVERY_MS), signal);
  }
}
