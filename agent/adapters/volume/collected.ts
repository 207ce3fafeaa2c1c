import type { Readable } from "node:stream";

/** A header's metadata has 12 KiB, a machine's whole udev database some hundred. */
const MOST_CHARS = 4 * 1024 * 1024;
const LAST_LINE_CHARS = 300;

/** What a program writes, up to a bound; the rest is read and dropped. */
export class Collected {
  #text = "";

  constructor(stream: Readable) {
    stream.setEncoding("utf8");
    stream.on("data", (piece: string) => {
      if (this.#text.length < MOST_CHARS) this.#text += piece;
    });
  }

  get text(): string {
    return this.#text;
  }

  get lastLine(): string {
    const lines = this.#text.split("\n").map((line) => line.trim());
    return lines.findLast((line) => line !== "")?.slice(0, LAST_LINE_CHARS) ?? "";
  }
}
