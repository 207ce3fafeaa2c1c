import { ageMs, type Instant } from "../../core/instant.ts";
import { PlaneError } from "../../core/plane-status.ts";
import { timeHeard } from "../../core/plane-time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlane, FromPlane, PlaneStream, Timed } from "../../ports/control-plane.ts";
import type { Board } from "./board.ts";

/** Words that come together count once: nothing is to turn for each of them. */
const FRESH_MS = 1_000;

/**
 * The same control plane; what its clock says with each answer, refusals included, and with each
 * desired state goes to the board, and when it was heard.
 */
export function hearTime(plane: ControlPlane, clock: Clock, cells: Pick<Board, "plane">): ControlPlane {
  /** `sentMonoMs`: when we asked. The answer was on its way for about half of the time since. */
  const note = (planeMs: number | undefined, sentMonoMs: number): void => {
    const at = clock.now();
    cells.plane.update((view) => (isFresh(view.heardAt, at) ? view : { ...view, heardAt: at }));
    if (planeMs === undefined) return;
    const time = { at, planeMs: planeMs + (at.monoMs - sentMonoMs) / 2 };
    cells.plane.update((view) => ({ ...view, time: timeHeard(view.time, time) }));
  };
  const noteFailure = (failure: unknown, sentMonoMs: number): void => {
    if (failure instanceof PlaneError && failure.answered) note(failure.planeTimeMs, sentMonoMs);
  };
  async function timed<T extends Timed>(answer: Promise<T>): Promise<T> {
    const sentMonoMs = clock.now().monoMs;
    try {
      const heard = await answer;
      note(heard.planeTimeMs, sentMonoMs);
      return heard;
    } catch (failure) {
      noteFailure(failure, sentMonoMs);
      throw failure;
    }
  }
  async function* streamed({ incoming }: PlaneStream): AsyncGenerator<FromPlane, void, undefined> {
    try {
      for await (const message of incoming) {
        note(message.is === "desired" ? message.state.sentAtMs : undefined, clock.now().monoMs);
        yield message;
      }
    } catch (failure) {
      // How long it was on its way, a stream does not tell.
      noteFailure(failure, clock.now().monoMs);
      throw failure;
    }
  }
  return {
    getChallenge: (signal) => timed(plane.getChallenge(signal)),
    register: (request, signal) => timed(plane.register(request, signal)),
    renew: (identity, request, signal) => timed(plane.renew(identity, request, signal)),
    attach: (identity, hello, signal) => {
      const stream = plane.attach(identity, hello, signal);
      return { incoming: streamed(stream), send: (message) => stream.send(message) };
    },
  };
}

function isFresh(heardAt: Instant | undefined, now: Instant): boolean {
  return heardAt !== undefined && ageMs(heardAt, now) < FRESH_MS;
}
