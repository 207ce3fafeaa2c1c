import { type Form, LongestPrefix } from "./longest-prefix.ts";

/** What the index needs to know of a secret. */
interface Revealing {
  reveal(): string | Uint8Array;
}

/** Shorter ones are in other words, too. So much of each begins its entry in the index. */
const TOLD_APART_FROM = 8;
/** A prime below 2^31, for a hash that rolls over a text. */
const BASE = 16_777_619;
/** As many may be gone before those that are left are counted. */
const SWEPT_FROM = 1_024;

/**
 * Finds secrets in texts, by a hash of each eight characters: the time grows with the text, and
 * neither with how many secrets there are nor with how alike they begin, which a control plane
 * decides. It keeps no secret alive, and holds nothing of one but that hash.
 */
export class SecretIndex {
  readonly #byHash = new Map<number, LongestPrefix>();
  /** Not in the index yet: most are never searched for. */
  #fresh: WeakRef<Revealing>[] = [];
  readonly #forms = new WeakMap<Revealing, readonly Form[]>();
  #count = 0;
  #sweepAt = SWEPT_FROM;

  add(secret: Revealing): void {
    this.#fresh.push(new WeakRef(secret));
    this.#count += 1;
    if (this.#count > this.#sweepAt) this.#sweep();
  }

  /** Where two begin at one place, the longer one is taken out. */
  without(text: string): string {
    this.#takeIn();
    if (this.#byHash.size === 0 || text.length < TOLD_APART_FROM) return text;
    let shown = "";
    let from = 0;
    for (let [at, hash] = [0, hashOf(text, 0)]; ; ) {
      const length = this.#byHash.get(hash)?.at(text, at) ?? 0;
      const next = at + Math.max(1, length);
      if (length > 0) {
        shown += `${text.slice(from, at)}[secret]`;
        from = next;
      }
      if (next + TOLD_APART_FROM > text.length) break;
      hash = length > 0 ? hashOf(text, next) : rolled(hash, text.charCodeAt(at), text.charCodeAt(at + TOLD_APART_FROM));
      at = next;
    }
    return from === 0 ? text : shown + text.slice(from);
  }

  #takeIn(): void {
    for (const reference of this.#fresh.splice(0)) {
      const secret = reference.deref();
      if (secret === undefined) continue;
      const forms = formsOf(secret.reveal()).map((text) => ({ text }));
      this.#forms.set(secret, forms);
      for (const form of forms) {
        const hash = hashOf(form.text, 0);
        const alike = this.#byHash.get(hash) ?? new LongestPrefix();
        alike.add(new WeakRef(form));
        this.#byHash.set(hash, alike);
      }
    }
  }

  /** Lets go of what is gone. */
  #sweep(): void {
    this.#fresh = this.#fresh.filter((reference) => reference.deref() !== undefined);
    this.#count = this.#fresh.length;
    for (const [hash, alike] of this.#byHash) {
      const left = alike.sweep();
      this.#count += left;
      if (left === 0) this.#byHash.delete(hash);
    }
    this.#sweepAt = Math.max(SWEPT_FROM, 2 * this.#count);
  }
}

/**
 * The forms that other programs repeat it in: as it is, in JSON, in a URL, in base64. What begins
 * as a path or a flag does is left out: those are words of a grant's command, and of half of all
 * messages.
 */
function formsOf(value: string | Uint8Array): readonly string[] {
  const all =
    typeof value === "string"
      ? [value, JSON.stringify(value).slice(1, -1), inUrl(value), Buffer.from(value).toString("base64")]
      : [Buffer.from(value).toString("base64"), Buffer.from(value).toString("hex")];
  return [...new Set(all)].filter((form) => form.length >= TOLD_APART_FROM && !/^[-/]/.test(form));
}

/** Half a surrogate pair has no place in a URL. */
function inUrl(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString());
}

const LEADING = power(BASE, TOLD_APART_FROM - 1);

function hashOf(text: string, from: number): number {
  let hash = 0;
  for (let at = from; at < from + TOLD_APART_FROM; at += 1) hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0;
  return hash;
}

function rolled(hash: number, out: number, into: number): number {
  return (Math.imul(hash - Math.imul(out, LEADING), BASE) + into) | 0;
}

function power(base: number, exponent: number): number {
  let product = 1;
  for (let count = 0; count < exponent; count += 1) product = Math.imul(product, base);
  return product;
}
