/**
 * BuildKit's identity.NewID, which every stock client takes for its session: 25 characters of base
 * 36.
 */
const ID_CHARS = 25;

/**
 * The beginning of a digest is no name: else a build that takes it for its session's keeps all
 * others from whatever has that digest. One name in 600 million that are drawn is of these
 * characters alone.
 */
const HEX = /^[0-9a-f]+$/;

/**
 * Finds in a message, whatever its fields, what may be a stock client's session: 25 such
 * characters after a byte that is none. Before a string stands its length, which is none for these
 * 25; before what BuildKit looks up may stand anything that ends in a colon (`Get` of its
 * session/manager.go). What comes after belongs to the next field, and may look like more of it.
 */
export class MentionedSessions {
  /** The first characters of the run under way. */
  readonly #name = Buffer.alloc(ID_CHARS);
  #runChars = 0;

  *push(piece: Buffer): Generator<string, void, undefined> {
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0;
      if (!isIdChar(byte)) {
        this.#runChars = 0;
        continue;
      }
      if (this.#runChars < ID_CHARS) this.#name[this.#runChars] = byte;
      this.#runChars += 1;
      if (this.#runChars !== ID_CHARS) continue;
      const name = this.#name.toString("latin1");
      if (!HEX.test(name)) yield name;
    }
  }
}

function isIdChar(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a);
}
