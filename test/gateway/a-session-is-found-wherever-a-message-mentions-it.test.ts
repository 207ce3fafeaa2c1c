import { describe, expect, it } from "vitest";
import { MentionedSessions } from "../../agent/gateway/calls/mentioned-sessions.ts";
import { Dice } from "./http2/dice.ts";
import { bytesField, prefixed } from "./http2/protobuf-writer.ts";

const NAME = "s3ss10n0of0another0build0";
const NOTHING = Buffer.alloc(0);

/** A source of files in the definition of a solve: BuildKit's pb.Op. */
function solveOf(session: string | Buffer, overlong = 0): Buffer {
  const value = Buffer.concat([bytesField(1, "local.sessionid"), bytesField(2, session, overlong)]);
  const source = Buffer.concat([bytesField(1, "local://context"), bytesField(2, value)]);
  return prefixed(Buffer.concat([bytesField(1, "the-ref"), bytesField(2, bytesField(1, bytesField(3, source)))]));
}

function mentioned(...pieces: readonly Buffer[]): readonly string[] {
  const sessions = new MentionedSessions();
  return pieces.flatMap((piece) => [...sessions.push(piece)]);
}

it.each([
  { how: "as it is", message: solveOf(NAME) },
  { how: "behind a colon", message: solveOf(`:${NAME}`) },
  { how: "behind a short prefix", message: solveOf(`any:${NAME}`) },
  { how: "behind a prefix of two colons", message: solveOf(`a:b:${NAME}`) },
  { how: "with a length that is longer than it need be", message: solveOf(NAME, 3) },
  { how: "before what looks like more of it", message: Buffer.concat([solveOf(NAME), Buffer.from("abc")]) },
  { how: "at the end of what came", message: solveOf(NAME).subarray(0, solveOf(NAME).indexOf(NAME) + NAME.length) },
])("$how", ({ message }) => {
  expect(mentioned(message)).toContain(NAME);
});

describe("behind a prefix of any length, and of any bytes", () => {
  it.each(["\u0001", "!", "x", "\u00e9", " ", "0"])("of %j", (byte) => {
    for (const bytes of [1, 24, 25, 100, 101, 102, 103, 110, 126, 127, 128, 129, 200, 1_000, 20_000])
      expect([bytes, mentioned(solveOf(`${byte.repeat(bytes)}:${NAME}`)).includes(NAME)]).toEqual([bytes, true]);
  });
});

it("split anywhere", () => {
  for (const message of [solveOf(NAME), solveOf(`${"\u0001".repeat(300)}:${NAME}`), solveOf(NAME, 4)]) {
    for (let at = 0; at <= message.length; at += 1)
      expect(mentioned(message.subarray(0, at), message.subarray(at))).toContain(NAME);
    expect(mentioned(...[...message].map((byte) => Buffer.from([byte])))).toContain(NAME);
    expect(mentioned(NOTHING, ...new Dice(5).pieces(message, 40), NOTHING)).toContain(NAME);
  }
});

it.each([
  { what: "a name that is shorter", message: solveOf(NAME.slice(1)) },
  { what: "a name in other letters", message: solveOf(NAME.toUpperCase()) },
  { what: "the end of a longer word", message: solveOf(`0${NAME}`) },
  { what: "a name with a mark in it", message: solveOf(`${NAME.slice(0, 12)}-${NAME.slice(13)}`) },
])("$what is another", ({ message }) => {
  expect(mentioned(message)).not.toContain(NAME);
  expect(mentioned(...[...message].map((byte) => Buffer.from([byte])))).not.toContain(NAME);
});

it("the beginning of a digest is none, so that nobody can take it from others", () => {
  const digest = "0123456789abcdef".repeat(4);
  expect(mentioned(solveOf(`sha256:${digest}`))).toEqual([]);
  expect(mentioned(solveOf(`docker-image://docker.io/library/alpine:3@sha256:${digest}`))).toEqual([]);
});
