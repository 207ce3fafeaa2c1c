import { fullJitterMs } from "../core/backoff.ts";
import { untilBeatMs } from "../core/beat.ts";
import type { EndOrder } from "../core/end-orders.ts";
import { inWords } from "../core/errors.ts";
import { endByNotice } from "../core/notices/end-by-notice.ts";
import { heardNow } from "../core/notices/heard.ts";
import { MEANINGS } from "../core/notices/meanings.ts";
import type { HeardNotice } from "../core/notices/notice.ts";
import { noticeInWords } from "../core/notices/notice-words.ts";
import { type NoticeLineView, noticesIn } from "../core/notices/view.ts";
import { firstOf } from "../lifecycle/branch.ts";
import { Cell } from "../lifecycle/cell.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { NoticeLine, NoticePlatform, NoticeSource } from "../ports/notices.ts";
import type { Board } from "./board/board.ts";

/** A notice of half a minute must not be missed between two tries. */
const AGAIN = { baseMs: 1_000, capMs: 8_000 } as const;

export interface NoticePorts {
  readonly notices: NoticeSource;
  readonly clock: Clock;
  readonly log: Log;
}

interface Means {
  readonly order: (order: EndOrder) => void;
  /** For open builds, when the stop does not come from the control plane. */
  readonly graceMs: number;
}

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
      (signal) => hurry(clock, hurryFrom, this.#means, signal),
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

/** What comes of each look: the view, the log, and orders. */
class Heeding {
  readonly #ports: NoticePorts;
  readonly #cell: Board["notices"];
  readonly #means: Means;
  readonly #hurryFrom: Cell<number | undefined>;
  readonly #ordered = new Set<HeardNotice>();

  constructor(ports: NoticePorts, cell: Board["notices"], means: Means, hurryFrom: Cell<number | undefined>) {
    this.#ports = ports;
    this.#cell = cell;
    this.#means = means;
    this.#hurryFrom = hurryFrom;
  }

  heard(platform: NoticePlatform["name"], name: string, said: Parameters<typeof heardNow>[1]): void {
    const { clock, log } = this.#ports;
    const before = this.#line(name).heard ?? [];
    const now = heardNow(before, said, clock.now());
    for (const notice of now) if (!before.includes(notice)) this.#tell(notice);
    for (const { kind, id } of before)
      if (!now.some((one) => one.kind === kind && one.id === id)) log.info({ kind, ...(id && { id }) }, "notices.over");
    const wasFaulty = this.#isFaulty();
    this.#put({ name, heard: now });
    if (wasFaulty && !this.#isFaulty()) log.info({ platform }, "notices.heard-again");
    for (const notice of now) this.#order(notice);
  }

  /** What was in force stays so. One line of the log for all lines: they have one service. */
  failed(platform: NoticePlatform["name"], name: string, err: unknown): void {
    if (!this.#isFaulty()) this.#ports.log.warn({ platform, err }, "notices.not-heard");
    this.#put({ ...this.#line(name), fault: inWords(err) });
  }

  #tell(notice: HeardNotice): void {
    const { kind, id, dueAt } = notice;
    const message = noticeInWords(notice);
    const at = dueAt && { dueAt: new Date(dueAt.wallMs).toISOString() };
    this.#ports.log.warn({ kind, ...(id && { id }), message, ends: MEANINGS[kind].ends, ...at }, "notices.heard");
  }

  /** Once: what has been ordered stays ordered, also if the platform thinks better of it. */
  #order(notice: HeardNotice): void {
    if (this.#ordered.has(notice)) return;
    const order = endByNotice(notice, this.#means.graceMs, this.#ports.clock.now());
    if (order === undefined) return;
    this.#ordered.add(notice);
    const { reason, deadlineMonoMs, hurryFromMonoMs = Number.POSITIVE_INFINITY } = order;
    this.#means.order({ from: "provider", reason, deadlineMonoMs });
    this.#hurryFrom.update((known) => Math.min(known ?? Number.POSITIVE_INFINITY, hurryFromMonoMs));
  }

  #isFaulty(): boolean {
    const view = this.#cell.get();
    return view.at === "heeding" && view.lines.some(({ fault }) => fault !== undefined);
  }

  #line(name: string): NoticeLineView {
    const view = this.#cell.get();
    return (view.at === "heeding" ? view.lines.find((line) => line.name === name) : undefined) ?? { name };
  }

  #put(line: NoticeLineView): void {
    this.#cell.update((view) => {
      if (view.at !== "heeding") return view;
      return { ...view, lines: view.lines.map((one) => (one.name === line.name ? line : one)) };
    });
  }
}

/** Once the time for the last steps has begun, each of them is cut short. */
async function hurry(
  clock: Clock,
  hurryFrom: Cell<number | undefined>,
  { order }: Means,
  signal: AbortSignal,
): Promise<void> {
  for (let known: number | undefined; !signal.aborted; ) {
    const leftMs = known === undefined ? Number.POSITIVE_INFINITY : known - clock.now().monoMs;
    if (leftMs <= 0) break;
    const before = known;
    await firstOf(
      signal,
      (one) => clock.sleep(leftMs, one),
      (one) => hurryFrom.first((now) => now !== before, one),
    );
    known = hurryFrom.get();
  }
  if (signal.aborted) return;
  order({
    from: "provider",
    reason: "the platform's notice is almost over",
    deadlineMonoMs: clock.now().monoMs,
    hurry: true,
  });
  await hurryFrom.first(() => false, signal);
}
