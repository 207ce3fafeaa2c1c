/** A text that is there as long as somebody else holds this. */
export interface Form {
  readonly text: string;
}

/**
 * Of many texts the longest that another begins with, in the time of a few comparisons: those that
 * begin alike are sorted, and each knows the next shorter one that it begins with.
 */
export class LongestPrefix {
  /** By their texts. */
  #sorted: WeakRef<Form>[] = [];
  /** For each the place of the longest other one that it begins with; -1: there is none. */
  #within: number[] = [];
  #longest = 0;
  #isSorted = true;

  add(form: WeakRef<Form>): void {
    this.#sorted.push(form);
    this.#isSorted = false;
  }

  /** How long it is, of the text that begins there; 0: there is none. */
  at(text: string, from: number): number {
    for (;;) {
      if (!this.#isSorted) this.#sort();
      const length = this.#lengthIn(text, from);
      if (length !== undefined) return length;
      // One of those that were compared is gone.
      this.#isSorted = false;
    }
  }

  /** Lets go of what is gone. How many are left. */
  sweep(): number {
    this.#sort();
    return this.#sorted.length;
  }

  /** Undefined: one is gone that was to be compared. */
  #lengthIn(text: string, from: number): number | undefined {
    const rest = text.slice(from, from + this.#longest);
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const form = this.#sorted[middle]?.deref();
      if (form === undefined) return undefined;
      if (form.text <= rest) low = middle + 1;
      else high = middle;
    }
    // Whatever the rest begins with, the last one before it begins with, too.
    const last = this.#sorted[low - 1];
    if (last === undefined) return 0;
    const common = commonLength(last.deref()?.text ?? "", rest);
    for (let place = low - 1; place >= 0; place = this.#within[place] ?? -1) {
      const form = this.#sorted[place]?.deref();
      if (form === undefined) return undefined;
      if (form.text.length <= common) return form.text.length;
    }
    return 0;
  }

  #sort(): void {
    const held = this.#sorted.flatMap((reference) => {
      const text = reference.deref()?.text;
      return text === undefined ? [] : [{ reference, text }];
    });
    held.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
    this.#sorted = held.map(({ reference }) => reference);
    this.#longest = held.reduce((most, { text }) => Math.max(most, text.length), 0);
    this.#within = [];
    const open: number[] = [];
    for (const [place, { text }] of held.entries()) {
      while (open.length > 0 && !text.startsWith(held[open.at(-1) ?? 0]?.text ?? "")) open.pop();
      this.#within.push(open.at(-1) ?? -1);
      open.push(place);
    }
    this.#isSorted = true;
  }
}

function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  for (let at = 0; at < most; at += 1) if (a.charCodeAt(at) !== b.charCodeAt(at)) return at;
  return most;
}
