import type { EndOrder } from "../../core/end-orders.ts";
import { inWords } from "../../core/errors.ts";
import { endByNotice } from "../../core/notices/end-by-notice.ts";
import { heardNow } from "../../core/notices/heard.ts";
import { MEANINGS } from "../../core/notices/meanings.ts";
import type { HeardNotice } from "../../core/notices/notice.ts";
import { noticeInWords } from "../../core/notices/notice-words.ts";
import type { NoticeLineView } from "../../core/notices/view.ts";
import type { Cell } from "../../lifecycle/cell.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { NoticePlatform, NoticeSource } from "../../ports/notices.ts";
import type { Board } from "../board/board.ts";

export interface NoticePorts {
  readonly notices: NoticeSource;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Means {
  readonly order: (order: EndOrder) => void;
  /** For open builds, when the stop does not come from the control plane. */
  readonly graceMs: number;
}

/** What comes of each look: the view, the log, and orders. */
export class Heeding {
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
