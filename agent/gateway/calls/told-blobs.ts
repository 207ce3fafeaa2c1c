import { all } from "./protobuf.ts";

/**
 * Of one message, and of one blob: indexes and manifests take some kilobytes. What is larger names
 * nothing.
 */
const MOST_BYTES = 1024 * 1024;

const PREFIX_BYTES = 5;

/** BuildKit's control.proto: what a descriptor says, and where a history record has descriptors. */
const MEDIA_TYPE = 1;
const DIGEST = 2;
const RECORD = 2;
const RECORD_DESCRIPTORS = [8, 13, 18];
const RECORD_RESULT = 10;
const RECORD_RESULTS = 11;
const RESULT_DESCRIPTORS = [1, 2];
const RESULT_RESULTS = 3;
const MAP_VALUE = 2;

/** containerd's content.proto: a piece of a blob. */
const PIECE_DATA = 2;

/** OCI image-spec, and Docker's own before it. */
const NAMING_MEDIA_TYPES: ReadonlySet<unknown> = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]);

export interface ToldBlob {
  readonly digest: string;
  /**
   * An index or a manifest: BuildKit wrote it, and the build has what it names. What else is JSON,
   * as an image's configuration, a build may write as it likes.
   */
  readonly namesMore: boolean;
}

/** Whole messages out of the pieces of one call's answer. */
class Messages {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Of a message that is too large. */
  #skip = 0;

  *push(piece: Buffer): Generator<Buffer, void, undefined> {
    const skipped = Math.min(this.#skip, piece.length);
    this.#skip -= skipped;
    if (skipped === piece.length) return;
    // A copy: the buffer that it is read into is used again.
    this.#pieces.push(Buffer.from(piece.subarray(skipped)));
    this.#bytes += piece.length - skipped;
    let bytes = Buffer.concat(this.#pieces, this.#bytes);
    for (let length = lengthOf(bytes); length !== undefined; length = lengthOf(bytes)) {
      if (length > MOST_BYTES) {
        this.#skip = Math.max(0, PREFIX_BYTES + length - bytes.length);
        bytes = bytes.subarray(PREFIX_BYTES + length);
        continue;
      }
      if (bytes.length < PREFIX_BYTES + length) break;
      yield bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
      bytes = bytes.subarray(PREFIX_BYTES + length);
    }
    this.#pieces = [bytes];
    this.#bytes = bytes.length;
  }
}

/** Reads an answer of BuildKit, for the blobs that it names. */
export interface AnswerReader {
  push(piece: Buffer): Iterable<ToldBlob>;
}

/** Of `ListenBuildHistory`, asked for one ref: the blobs of that build's records. */
export class HistoryReader implements AnswerReader {
  readonly #messages = new Messages();

  *push(piece: Buffer): Generator<ToldBlob, void, undefined> {
    for (const event of this.#messages.push(piece))
      for (const record of all(event, RECORD)) yield* descriptorsOf(record).flatMap(blobsOf);
  }
}

/**
 * Of one blob. BuildKit sends a megabyte at a time; each piece costs a look at all that has come.
 */
const MOST_PIECES = 64;

/** Of `Content/Read`, asked for an index or a manifest: the blobs that it consists of. */
export class BlobReader implements AnswerReader {
  readonly #messages = new Messages();
  #blob = "";
  #pieces = 0;

  *push(piece: Buffer): Generator<ToldBlob, void, undefined> {
    for (const message of this.#messages.push(piece)) {
      for (const data of all(message, PIECE_DATA))
        if (this.#blob.length <= MOST_BYTES) this.#blob += data.toString("latin1");
      this.#pieces += 1;
      if (this.#blob.length <= MOST_BYTES && this.#pieces <= MOST_PIECES) yield* partsOf(this.#blob);
    }
  }
}

function lengthOf(bytes: Buffer): number | undefined {
  return bytes.length < PREFIX_BYTES ? undefined : bytes.readUInt32BE(1);
}

function descriptorsOf(record: Buffer): readonly Buffer[] {
  const results = [
    ...all(record, RECORD_RESULT),
    ...all(record, RECORD_RESULTS).flatMap((entry) => all(entry, MAP_VALUE)),
  ];
  return [
    ...RECORD_DESCRIPTORS.flatMap((number) => all(record, number)),
    ...results.flatMap((result) => [
      ...RESULT_DESCRIPTORS.flatMap((number) => all(result, number)),
      ...all(result, RESULT_RESULTS).flatMap((entry) => all(entry, MAP_VALUE)),
    ]),
  ];
}

function blobsOf(descriptor: Buffer): readonly ToldBlob[] {
  const mediaType = all(descriptor, MEDIA_TYPE).at(-1)?.toString("latin1");
  return all(descriptor, DIGEST).map((digest) => blob(digest.toString("latin1"), mediaType));
}

/** OCI image-spec: what an index or a manifest names. Not yet whole, or no JSON: nothing. */
function* partsOf(text: string): Generator<ToldBlob, void, undefined> {
  if (!text.startsWith("{") || !text.trimEnd().endsWith("}")) return;
  const parsed = objectOf(text);
  const parts = [parsed?.["manifests"], parsed?.["layers"], parsed?.["blobs"], [parsed?.["config"]]];
  for (const part of parts.flatMap((some) => (Array.isArray(some) ? (some as unknown[]) : []))) {
    if (typeof part !== "object" || part === null || !("digest" in part) || typeof part.digest !== "string") continue;
    yield blob(part.digest, "mediaType" in part ? part.mediaType : undefined);
  }
}

function blob(digest: string, mediaType: unknown): ToldBlob {
  return { digest, namesMore: NAMING_MEDIA_TYPES.has(mediaType) };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
