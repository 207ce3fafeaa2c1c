import { appendFile, readFile, writeFile } from "node:fs/promises";
import type { Journal } from "../../agent/adapters/records/journal.ts";
import { JournalFile } from "../../agent/adapters/records/journal-file.ts";

/** When the lights go out, counted in writes to the journal from now. */
export interface PowerCut {
  readonly atWrite: number;
  /** How much of that write reaches the disk, in [0, 1]. */
  readonly share: number;
}

/**
 * A real journal on a disk that loses power: of the fatal write a part arrives, and its caller
 * never hears anything. What was answered before stays.
 */
export class CuttableJournal implements Journal {
  readonly #path: string;
  readonly #file: JournalFile;
  readonly #cut: PowerCut;
  #writes = 0;
  #closing: Promise<void> | undefined;
  readonly dark: Promise<void>;
  #goDark: () => void = () => undefined;

  private constructor(path: string, file: JournalFile, cut: PowerCut) {
    this.#path = path;
    this.#file = file;
    this.#cut = cut;
    this.dark = new Promise((resolve) => {
      this.#goDark = resolve;
    });
  }

  static async open(path: string, cut: PowerCut): Promise<CuttableJournal> {
    return new CuttableJournal(path, await JournalFile.open(path), cut);
  }

  get durableBytes(): number {
    return this.#file.durableBytes;
  }

  load: Journal["load"] = (take) => this.#file.load(take);
  read: Journal["read"] = (place) => this.#file.read(place);
  close: Journal["close"] = () => (this.#closing ??= this.#file.close());

  async append(chunks: Iterable<Buffer>): Promise<void> {
    if (this.#powered()) return this.#file.append(chunks);
    const lines = Buffer.concat([...chunks]);
    await appendFile(this.#path, lines.subarray(0, Math.floor(lines.byteLength * this.#cut.share)));
    return this.#nothingMore();
  }

  async replace(chunks: Iterable<Buffer>, adopted: () => void): Promise<void> {
    if (this.#powered()) return this.#file.replace(chunks, adopted);
    const whole = Buffer.concat([...chunks]);
    if (this.#cut.share === 1) {
      await writeFile(`${this.#path}.new`, whole);
      await writeFile(this.#path, await readFile(`${this.#path}.new`));
    } else {
      await writeFile(`${this.#path}.new`, whole.subarray(0, Math.floor(whole.byteLength * this.#cut.share)));
    }
    return this.#nothingMore();
  }

  #powered(): boolean {
    this.#writes += 1;
    return this.#writes < this.#cut.atWrite;
  }

  #nothingMore(): Promise<never> {
    this.#goDark();
    return new Promise(() => undefined);
  }
}
