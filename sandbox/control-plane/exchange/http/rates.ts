import { isIPv4 } from "node:net";
import { ExchangeRefusal } from "../exchange-refusal.ts";

/** So many requests at once, and so many a second in the long run. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A large CI system behind one address starts a hundred jobs at once, now and then. */
const OF_A_SOURCE: Rate = { burst: 100, perSecond: 5 };
/** Of all sources together: whoever has many addresses gets no more than this. */
const OF_ALL: Rate = { burst: 500, perSecond: 100 };
const SOURCES_MAX = 10_000;

class Bucket {
  readonly #rate: Rate;
  #left: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#atMs = nowMs;
  }

  /** Seconds until there is one; 0: it is taken. */
  take(nowMs: number): number {
    const { burst, perSecond } = this.#rate;
    this.#left = Math.min(burst, this.#left + (Math.max(0, nowMs - this.#atMs) / 1_000) * perSecond);
    this.#atMs = nowMs;
    if (this.#left < 1) return Math.ceil((1 - this.#left) / perSecond);
    this.#left -= 1;
    return 0;
  }
}

/** How often each source may ask, before anything of it is read. */
export class Rates {
  readonly #sources = new Map<string, Bucket>();
  readonly #all: Bucket;
  /** Monotonic, milliseconds. */
  readonly #monoMs: () => number;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
    this.#all = new Bucket(OF_ALL, monoMs());
  }

  /** @throws {ExchangeRefusal} 429 */
  admit(address: string): void {
    const nowMs = this.#monoMs();
    const source = sourceOf(address);
    const bucket = this.#sources.get(source) ?? new Bucket(OF_A_SOURCE, nowMs);
    // The newest last: the first one is the one that has been quiet longest.
    this.#sources.delete(source);
    this.#sources.set(source, bucket);
    const [oldest] = this.#sources.keys();
    if (this.#sources.size > SOURCES_MAX && oldest !== undefined) this.#sources.delete(oldest);
    const retryAfterS = bucket.take(nowMs) || this.#all.take(nowMs);
    if (retryAfterS > 0)
      throw new ExchangeRefusal(429, "temporarily_unavailable", "too-many-requests", "Too many requests at once.", {
        retryAfterS,
      });
  }
}

/** Of IPv6 the first half: the rest of it is one host's to choose. */
function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  if (isIPv4(plain) || !plain.includes(":")) return plain;
  const [before = "", after = ""] = plain.split("::");
  const [head, tail] = [before, after].map((part) => part.split(":").filter(Boolean));
  const zeros = Array<string>(Math.max(0, 8 - (head?.length ?? 0) - (tail?.length ?? 0))).fill("0");
  return [...(head ?? []), ...zeros, ...(tail ?? [])].slice(0, 4).join(":");
}
