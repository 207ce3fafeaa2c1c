import type { Readable } from "node:stream";
import type { BundleName } from "../../core/bundle/name.ts";
import { AgentError, inWords } from "../../core/errors.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { type Archive, tarGz } from "./archive.ts";
import { Cleaner, type Withheld } from "./cleaner.ts";
import { type Collector, type Document, NotThere, type Pieces } from "./collector.ts";
import { COLLECTOR_MS, gather, orOver } from "./gather.ts";
import type { SecretDigests } from "./secret-digests.ts";
import { SecretSearch } from "./secret-search.ts";
import { sparingMemory } from "./sparing-memory.ts";

/** For all that is collected: what is left of 30 s is for the rest of the archive. */
const COLLECTING_MS = 26_000;
/** Documents at once, each held in memory. */
const AT_ONCE = 6;

export interface BundleOptions {
  readonly name: BundleName;
  /** For the manifest: who made it, and of which machine. */
  readonly about: Readonly<Record<string, unknown>>;
  /** In the order in which they are to be had; later ones are missing where time is up. */
  readonly collectors: readonly Collector[];
  readonly secrets: readonly SecretDigests[];
  /**
   * Why not each secret can be searched for; absent: they all can. Other programs' words are left
   * out then.
   */
  readonly unsearchable?: string;
  /** For all that is collected. 26 s if absent. */
  readonly collectingMs?: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** What is not in it, and why. */
export interface Lack {
  readonly path: string;
  readonly how: "is not there" | "could not look" | "is cut" | "left out";
  readonly because: string;
}

export interface BundleReport {
  readonly files: number;
  readonly lacks: readonly Lack[];
  /** Secrets that were withheld, in all files. */
  readonly withheld: number;
}

export interface MadeBundle {
  /** tar.gz; made as it is read. */
  readonly bytes: Readable;
  /** Complete once `bytes` has been read to its end. */
  readonly report: () => BundleReport;
}

/** Collects, cleans and packs, within 30 s, a reader that keeps pace provided. */
export function makeBundle(options: BundleOptions): MadeBundle {
  const making = new Making(options);
  const bytes = tarGz(options.name.folder, new Date(options.nowMs()), (archive) =>
    sparingMemory(() => making.fill(archive)),
  );
  return { bytes, report: () => making.report };
}

class Making {
  readonly #options: BundleOptions;
  readonly #search: SecretSearch;
  readonly #lacks: Lack[] = [];
  readonly #withheld: { readonly path: string; readonly rules: Withheld }[] = [];
  readonly #tookMs = new Map<string, number>();
  #files = 0;

  constructor(options: BundleOptions) {
    this.#options = options;
    this.#search = new SecretSearch(options.secrets);
  }

  get report(): BundleReport {
    const counts = this.#withheld.flatMap(({ rules }) => [...rules.values()]);
    // In errors.txt they are clean as every file is; here they go to a terminal, or a log.
    const lacks = this.#lacks.map((lack) => ({ ...lack, because: this.#cleanWords(lack.because) }));
    return { files: this.#files, lacks, withheld: counts.reduce((sum, count) => sum + count, 0) };
  }

  async fill(archive: Archive): Promise<void> {
    const startedMs = this.#options.nowMs();
    using deadline = new Deadline(this.#options.collectingMs ?? COLLECTING_MS, this.#options.signal);
    const wanted = this.#options.collectors.filter((collector) => !this.#isUnclean(collector));
    // Of most worth, and by far the longest: before time is up.
    for (const collector of wanted)
      if (collector.kind !== "document")
        await this.#timed(collector, () => this.#takePieces(archive, collector, deadline.signal));
    const documents = wanted.filter((collector) => collector.kind === "document");
    const next = documents.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const document of next)
          await this.#timed(document, () => this.#takeDocument(archive, document, deadline.signal));
      }),
    );
    this.#options.signal.throwIfAborted();
    await this.#close(archive, startedMs);
  }

  #isUnclean({ path, isFreeText }: Collector): boolean {
    const { unsearchable } = this.#options;
    if (isFreeText !== true || unsearchable === undefined) return false;
    this.#lacks.push({ path, how: "left out", because: unsearchable });
    return true;
  }

  async #timed({ path }: Collector, work: () => Promise<void>): Promise<void> {
    const before = performance.now();
    await work();
    this.#tookMs.set(path, Math.round(performance.now() - before));
  }

  async #takeDocument(archive: Archive, document: Document, signal: AbortSignal): Promise<void> {
    const { bytes, lack } = await gather(document, signal);
    if (lack !== undefined) this.#note(document.path, lack);
    if (bytes.length > 0) await this.#add(archive, document.path, bytes);
    else if (lack === undefined) this.#note(document.path, new NotThere("There is nothing in it"));
  }

  /** What was packed before a failure stays. */
  async #takePieces(archive: Archive, { path, maxBytes, collect }: Pieces, outer: AbortSignal): Promise<void> {
    using deadline = new Deadline(COLLECTOR_MS, outer);
    const source = collect(deadline.signal)[Symbol.asyncIterator]();
    const rules: Withheld = new Map();
    const cleaner = new Cleaner(this.#search, rules);
    let size = 0;
    try {
      for (;;) {
        const next = await orOver(deadline.signal, () => source.next());
        if (next.done === true) break;
        const { name, bytes } = next.value;
        size += bytes.length;
        if (size > maxBytes) throw tooLong(maxBytes);
        await archive.add(`${path}/${name}`, ...cleaner.push(bytes), cleaner.end());
      }
      if (size === 0) throw new NotThere("There is nothing in it");
    } catch (failure) {
      if (archive.isBroken) throw failure;
      const how = size > 0 ? "is cut" : howOf(failure);
      this.#lacks.push({ path, how, because: inWords(failure) });
    } finally {
      void source.return?.();
      if (rules.size > 0) this.#withheld.push({ path, rules });
    }
  }

  /** What cannot be cleaned is left out. */
  async #add(archive: Archive, path: string, bytes: Uint8Array): Promise<void> {
    const rules: Withheld = new Map();
    let clean: readonly Buffer[];
    try {
      const cleaner = new Cleaner(this.#search, rules);
      clean = [...cleaner.push(bytes), cleaner.end()];
    } catch (failure) {
      this.#lacks.push({ path, how: "left out", because: `It could not be cleaned: ${inWords(failure)}` });
      return;
    }
    await archive.add(path, ...clean);
    if (rules.size > 0) this.#withheld.push({ path, rules });
  }

  #cleanWords(words: string): string {
    const cleaner = new Cleaner(this.#search, new Map());
    return Buffer.concat([...cleaner.push(Buffer.from(words)), cleaner.end()]).toString("utf8");
  }

  #note(path: string, failure: unknown): void {
    this.#lacks.push({ path, how: howOf(failure), because: inWords(failure) });
  }

  async #close(archive: Archive, startedMs: number): Promise<void> {
    const { name, about, nowMs, unsearchable } = this.#options;
    await this.#add(archive, "errors.txt", Buffer.from(this.#lacks.map(lackLine).join("")));
    const withheld = this.#withheld.map(({ path, rules }) => ({ path, rules: Object.fromEntries(rules) }));
    const searched = this.#options.secrets.reduce((sum, { digests }) => sum + digests.length, 0);
    await archive.add(
      "redactions.json",
      json({ schemaVersion: 1, formsSearchedFor: searched, unsearchable, withheld }),
    );
    const manifest = {
      ...{ schemaVersion: 1, marker: name.marker, ...about },
      ...{ startedAt: new Date(startedMs).toISOString(), tookMs: nowMs() - startedMs },
      collectors: Object.fromEntries([...this.#tookMs].map(([path, tookMs]) => [path, { tookMs }])),
      files: archive.entries,
    };
    await this.#add(archive, "manifest.json", json(manifest));
    this.#files = archive.entries.length;
  }
}

function howOf(failure: unknown): Lack["how"] {
  if (failure instanceof NotThere) return "is not there";
  return failure instanceof AgentError && failure.code === "bundle.too-long" ? "is cut" : "could not look";
}

function lackLine({ path, how, because }: Lack): string {
  return `${path}: ${how}: ${because.replaceAll(/\s*\n\s*/g, " ")}\n`;
}

function json(data: object): Buffer {
  return Buffer.from(`${JSON.stringify(data, undefined, 2)}\n`);
}

function tooLong(maxBytes: number): AgentError {
  return new AgentError("bundle.too-long", `is longer than ${maxBytes} bytes: the rest was left out`, {
    retryable: false,
  });
}
