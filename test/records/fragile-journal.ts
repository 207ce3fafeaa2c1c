import type { Journal } from "../../agent/adapters/records/journal.ts";
import { JournalFile } from "../../agent/adapters/records/journal-file.ts";

/** A real journal whose every append first asks `before`, which may refuse, and answers only after `after`. Counts appends. */
export class FragileJournal implements Journal {
  readonly #file: JournalFile;
  before: () => Promise<void> = () => Promise.resolve();
  after: () => Promise<void> = () => Promise.resolve();
  appends = 0;

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
  replace: Journal["replace"] = (chunks) => this.#file.replace(chunks);
  close: Journal["close"] = () => this.#file.close();

  async append(lines: Buffer): Promise<void> {
    this.appends += 1;
    await this.before();
    await this.#file.append(lines);
    await this.after();
  }
}
