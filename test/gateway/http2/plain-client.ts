import { FLAG, frame, PREFACE, TYPE } from "../../../agent/gateway/http2/frames.ts";
import type { HeaderField } from "../../../agent/gateway/http2/hpack.ts";
import { HpackWriter } from "./hpack-writer.ts";

export const CONTROL = "/moby.buildkit.v1.Control/";
export const BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/";
export const CONTENT = "/containerd.services.content.v1.Content/";

/** What a connection begins with: the preface, and settings. */
export const BEGIN = Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0, Buffer.alloc(0))]);

/** How a header block becomes frames. */
export type Layout = (stream: number, block: Buffer) => Buffer;

export const inOneFrame: Layout = (stream, block) => frame(TYPE.headers, FLAG.endHeaders, stream, block);

/** Writes calls as gRPC's clients do, one stream after the other. */
export class PlainClient {
  /** Of the newest call. */
  stream = -1;
  readonly #writer = new HpackWriter();

  head(path: string, more: readonly HeaderField[] = [], layout = inOneFrame): Buffer {
    this.stream += 2;
    const fields: HeaderField[] = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
      ...more,
    ];
    return layout(this.stream, Buffer.concat(fields.map((field) => this.#writer.field(field, { how: "index" }))));
  }

  data(payload: Buffer, flags: number = FLAG.endStream): Buffer {
    return frame(TYPE.data, flags, this.stream, payload);
  }
}

/** Frames, one after the other. */
export function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const whole = bytes.subarray(at, at + 9 + bytes.readUIntBE(at, 3));
    frames.push(whole);
    at += whole.length;
  }
  return frames;
}
