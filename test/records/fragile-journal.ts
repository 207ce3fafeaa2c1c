import type { Journal } from "../../agent/adapters/records/journal.ts";
import { JournalFile } from "../../agent/adapters/records/journal-file.ts";

/**
 * A real journal whose every append first asks `before`, which may refuse, and answers only after
 * `after`. A replacement calls `during` after each chunk, and answers only after `replaced`. Counts
 * appends.
 */
export class FragileJournal implements Journal {
  readonly #file: JournalFile;
  before: () => Promise<void> = () => Promise.resolve();
  after: () => Promise<void> = () => Promise.resolve();
  during: () => void = () => undefined;
  replaced: () => Promise<void> = () => Promise.resolve();
  appends = 0;
  #underWay: Promise<void> = Promise.resolve();

  private constructor(file: JournalFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<FragileJournal> {
    return new FragileJournal(await JournalFile.open(path));
  }

  get durableBytes(): number {
    return this.#file.durableBytes;
  }

  load: Journal["load"] = (take) => this.#file.load(take);
  read: Journal["read"] = (place) => this.#file.read(place);

  /** As a file does: not before what is under way has ended. */
  async close(): Promise<void> {
    await this.#underWay;
    await this.#file.close();
  }

  append(chunks: Iterable<Buffer>): Promise<void> {
    const appended = this.#append(chunks);
    this.#underWay = appended.catch(() => undefined);
    return appended;
  }

  async #append(chunks: Iterable<Buffer>): Promise<void> {
    this.appends += 1;
    await this.before();
    await this.#file.append(chunks);
    await this.after();
  }

  async replace(chunks: Iterable<Buffer>, adopted: () => void): Promise<void> {
    await this.#file.replace(this.#watched(chunks), adopted);
    await this.replaced();
  }

  *#watched(chunks: Iterable<Buffer>): Generator<Buffer, void, undefined> {
    for (const chunk of chunks) {
      yield chunk;
      this.during();
    }
  }
}
