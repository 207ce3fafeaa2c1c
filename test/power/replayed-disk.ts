import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import type { Cut } from "./cut.ts";
import { bytesAt, type LoggedRequest, type WriteLog } from "./write-log.ts";

const ZEROS = Buffer.alloc(1 << 20);

/**
 * A disk's image as it was after each request of a log, from a blank one. Time goes forward only:
 * cuts are asked for in their order.
 */
export class ReplayedDisk implements Disposable {
  readonly #log: WriteLog;
  readonly #file: string;
  #done = 0;

  constructor(log: WriteLog, sizeBytes: number, file: string) {
    this.#log = log;
    this.#file = file;
    writeFileSync(file, "");
    truncateSync(file, sizeBytes);
  }

  /** What the next machine finds, in a file of its own. */
  write(cut: Cut, target: string): void {
    if (cut.durable < this.#done) throw new Error("A disk is replayed forwards: sort the cuts");
    const { requests } = this.#log;
    this.#apply(
      this.#file,
      requests.slice(this.#done, cut.durable).map((request) => ({ request, length: request.length })),
    );
    this.#done = cut.durable;
    execFileSync("cp", ["--sparse=always", this.#file, target]);
    this.#apply(
      target,
      cut.survivors.flatMap(({ index, length }) => {
        const request = requests[index];
        return request === undefined ? [] : [{ request, length }];
      }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#file, { force: true });
  }

  #apply(target: string, parts: readonly { readonly request: LoggedRequest; readonly length: number }[]): void {
    const [log, disk] = [openSync(this.#log.file, "r"), openSync(target, "r+")];
    try {
      for (const { request, length } of parts) {
        if (request.is === "write") writeSync(disk, bytesAt(log, request.dataAt, length), 0, length, request.offset);
        else
          for (let at = 0; at < length; at += ZEROS.length)
            writeSync(disk, ZEROS, 0, Math.min(ZEROS.length, length - at), request.offset + at);
      }
    } finally {
      closeSync(log);
      closeSync(disk);
    }
  }
}
