import { AgentError } from "../../agent/core/errors.ts";

/** Something that reads what others wrote. */
export interface Parser {
  /** Whose words they are, and what about. */
  readonly name: string;
  /** Where they are read, by the file's path: every such file has a row, or a reason for none. */
  readonly at: readonly string[];
  /** What is right. Everything else is made of it. */
  readonly samples: readonly Buffer[];
  /** As many bytes as may come: more is refused before, or is not there. */
  readonly mostBytes: number;
  /** What was trouble once: a text is repeated up to `mostBytes`, bytes are as they are. */
  readonly troubles: readonly (string | Buffer)[];
  /** The value that is read, or what it throws. */
  readonly read: (input: Buffer) => unknown;
  /** Whether a failure is one that whoever calls it expects. */
  readonly isRefusal: (failure: unknown) => boolean;
}

interface Row {
  readonly name: string;
  readonly at: string | readonly string[];
  readonly samples: readonly (string | Uint8Array | object)[];
  readonly mostBytes?: number;
  readonly troubles?: readonly (string | Buffer)[];
  readonly isRefusal?: (failure: unknown) => boolean;
}

/** What a line of most programs has, and most answers. */
const USUAL_MOST_BYTES = 64 * 1024;

export function ofBytes(row: Row, read: (input: Buffer) => unknown): Parser {
  return {
    name: row.name,
    at: typeof row.at === "string" ? [row.at] : row.at,
    samples: row.samples.map(bytesOf),
    mostBytes: row.mostBytes ?? USUAL_MOST_BYTES,
    troubles: row.troubles ?? [],
    read,
    isRefusal: row.isRefusal ?? ((failure) => failure instanceof AgentError),
  };
}

export function ofText(row: Row, read: (input: string) => unknown): Parser {
  return ofBytes(row, (input) => read(input.toString("utf8")));
}

/** An object is a sample in JSON. */
function bytesOf(sample: string | Uint8Array | object): Buffer {
  if (typeof sample === "string") return Buffer.from(sample);
  return sample instanceof Uint8Array ? Buffer.from(sample) : Buffer.from(JSON.stringify(sample));
}
