import { PATTERN_MAX_CHARACTERS, SECRET_PATTERNS } from "../../core/bundle/patterns.ts";
import { FORM_MAX_BYTES } from "./secret-forms.ts";
import type { SecretSearch, Span } from "./secret-search.ts";

/** What was begun within this many bytes of the text's end may not be over. */
const HOLD_BYTES = Math.max(PATTERN_MAX_CHARACTERS, FORM_MAX_BYTES);
/** Looked through at once; what was held back is looked through again. */
const PIECE_BYTES = 128 * 1024;

/** How often each rule withheld something. */
export type Withheld = Map<string, number>;

/**
 * Takes secrets out of a text that comes in pieces, by value and by pattern, wherever it was cut.
 * Holds less than 250 KiB of it.
 */
export class Cleaner {
  readonly #search: SecretSearch;
  readonly #withheld: Withheld;
  /** One for all of it: a new one for each piece would be memory until the next collection. */
  readonly #text = Buffer.allocUnsafe(HOLD_BYTES + PIECE_BYTES);
  #size = 0;

  constructor(search: SecretSearch, withheld: Withheld) {
    this.#search = search;
    this.#withheld = withheld;
  }

  /** What is certain by now, clean; often nothing. */
  push(bytes: Uint8Array): readonly Buffer[] {
    const clean: Buffer[] = [];
    for (let from = 0; from < bytes.length; ) {
      const taken = bytes.subarray(from, from + this.#text.length - this.#size);
      this.#text.set(taken, this.#size);
      this.#size += taken.length;
      from += taken.length;
      if (this.#size === this.#text.length) clean.push(this.#clean(HOLD_BYTES));
    }
    return clean;
  }

  /** The rest. */
  end(): Buffer {
    return this.#clean(0);
  }

  #clean(holdBytes: number): Buffer {
    const text = this.#text.subarray(0, this.#size);
    const spans = merged([...this.#search.find(text), ...patternSpans(text)]);
    const end = text.length - holdBytes;
    // One that crosses the end is whole: it began before what may not be over.
    const certain = spans.filter(({ from }) => from < end);
    const cut = Math.max(end, certain.at(-1)?.to ?? 0);
    const clean = this.#without(text.subarray(0, cut), certain);
    this.#text.copyWithin(0, cut, text.length);
    this.#size = text.length - cut;
    return clean;
  }

  #without(text: Buffer, spans: readonly Span[]): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    for (const { from, to, rule } of spans) {
      this.#withheld.set(rule, (this.#withheld.get(rule) ?? 0) + 1);
      parts.push(text.subarray(at, from), Buffer.from(`[redacted: ${rule}]`));
      at = to;
    }
    return Buffer.concat([...parts, text.subarray(at)]);
  }
}

/** What our own type for secrets prints, and we ourselves. */
const SHOWN_INSTEAD = /^\[(?:secret|redacted)/;

function patternSpans(bytes: Buffer): readonly Span[] {
  const text = bytes.toString("latin1");
  const spans: Span[] = [];
  for (const { rule, pattern } of SECRET_PATTERNS)
    for (const match of text.matchAll(pattern)) {
      const { indices } = match;
      const [from, to] = indices?.groups?.["what"] ?? indices?.[1] ?? indices?.[0] ?? [0, 0];
      if (to > from && !SHOWN_INSTEAD.test(text.slice(from, from + 16))) spans.push({ from, to, rule });
    }
  return spans;
}

/** In order, none touching another: blocks of one long secret are one. */
function merged(spans: readonly Span[]): readonly Span[] {
  const done: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    const last = done.at(-1);
    if (last === undefined || span.from > last.to) done.push(span);
    else if (span.to > last.to) done[done.length - 1] = { ...last, to: span.to };
  }
  return done;
}
