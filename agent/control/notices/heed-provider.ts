import { fullJitterMs } from "../../core/backoff.ts";
import { untilBeatMs } from "../../core/beat.ts";
import { MEANINGS } from "../../core/notices/meanings.ts";
import { noticesIn } from "../../core/notices/view.ts";
import { firstOf } from "../../lifecycle/branch.ts";
import { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NoticeLine, NoticePlatform } from "../../ports/notices.ts";
import type { Board } from "../board/board.ts";
import { Heeding, type Means, type NoticePorts } from "./heeding.ts";
import { hurryFromThen } from "./hurry.ts";

/** A notice of half a minute must not be missed between two tries. */
const AGAIN = { baseMs: 1_000, capMs: 8_000 } as const;

type NoticeCells = Pick<Board, "notices">;

/**
 * Who runs this machine, and may announce its end. An ending becomes an order whose deadline leaves
 * room for the last steps; all else is told, and ends nothing. A metadata service that hangs or
 * lies delays nothing: nobody waits for it.
 */
export class Provider {
  readonly #ports: NoticePorts;
  readonly #cells: NoticeCells;
  readonly #means: Means;
  #platform: NoticePlatform | undefined;

  constructor(ports: NoticePorts, cells: NoticeCells, means: Means) {
    this.#ports = ports;
    this.#cells = cells;
    this.#means = means;
  }

  /** Ends with `signal`, or when there is no platform. */
  async heed(outer: AbortSignal): Promise<void> {
    const { log, clock } = this.#ports;
    const { notices } = this.#cells;
    const found = await this.#ports.notices.find(outer);
    if (found.at === "none") {
      log.info({ because: found.because }, "notices.off");
      notices.set({ at: "off", because: found.because });
      return;
    }
    const { platform } = found;
    this.#platform = platform;
    log.info({ platform: platform.name }, "notices.heeding");
    notices.set({ at: "heeding", platform: platform.name, lines: platform.lines.map(({ name }) => ({ name })) });
    const hurryFrom = new Cell<number | undefined>(undefined);
    const heeding = new Heeding(this.#ports, notices, this.#means, hurryFrom);
    await firstOf(
      outer,
      ...platform.lines.map((line) => (signal: AbortSignal) => follow(clock, platform, line, heeding, signal)),
      (signal) => hurryFromThen(hurryFrom, clock, this.#means.order, signal),
    );
  }

  /**
   * After the ending's last step: what waits for this machine alone may go ahead. Bounded, and
   * nothing hangs on it.
   */
  async acknowledge(signal: AbortSignal): Promise<void> {
    const ids = noticesIn(this.#cells.notices.get()).flatMap(({ kind, id, mayBeAcknowledged }) =>
      MEANINGS[kind].ends && mayBeAcknowledged === true && id !== undefined ? [id] : [],
    );
    if (ids.length === 0 || this.#platform?.acknowledge === undefined) return;
    const { log } = this.#ports;
    try {
      await this.#platform.acknowledge(ids, signal);
      log.info({ ids }, "notices.acknowledged");
    } catch (err) {
      log.warn({ ids, err }, "notices.not-acknowledged");
    }
  }
}

async function follow(
  clock: Clock,
  { name: platform }: NoticePlatform,
  line: NoticeLine,
  heeding: Heeding,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      heeding.heard(platform, line.name, await line.look(signal));
      failures = 0;
      await clock.sleep(untilBeatMs(clock.now(), line.everyMs), signal);
    } catch (err) {
      if (signal.aborted) return;
      heeding.failed(platform, line.name, err);
      await clock.sleep(Math.max(AGAIN.baseMs, fullJitterMs(AGAIN, failures, clock.random())), signal);
      failures += 1;
    }
  }
}
