import { BUILD_HEADER, type Kind, SESSION_HEADER, SHARED_KEY_HEADER } from "../../../agent/core/calls.ts";
import { FLAG, frame, PREFACE, TYPE } from "../../../agent/gateway/http2/frames.ts";
import type { HeaderField } from "../../../agent/gateway/http2/hpack.ts";
import type { Dice } from "./dice.ts";
import { type How, HpackWriter, number } from "./hpack-writer.ts";
import { bytesField, prefixed, tag, varint } from "./protobuf-writer.ts";

const CONTROL = "/moby.buildkit.v1.Control/";
const BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/";
const CONTENT = "/containerd.services.content.v1.Content/";

/** What another build has. As bytes of a message the ref is sound, too: fields 13, numbers. */
export const FOREIGN = {
  ref: "hvhihchthihmhs",
  session: "victims0session0000000000",
  digest: "sha256:victim",
} as const;
/** What the build that is judged has from the start. */
export const OWN = { ref: "own-ref", session: "own0session00000000000000", digest: "sha256:own" } as const;

/** BuildKit looks for a session by what follows the first colon. */
export function isForeign(kind: Kind, name: string): boolean {
  const looked = kind === "session" ? name.slice(name.indexOf(":") + 1) : name;
  return name === FOREIGN[kind] || looked === FOREIGN[kind];
}

const REFS = [OWN.ref, OWN.ref, "new-ref", FOREIGN.ref, ""];
const SESSIONS = [OWN.session, "new-session", `any:${OWN.session}`, FOREIGN.session, `any:${FOREIGN.session}`, ""];
const DIGESTS = [OWN.digest, FOREIGN.digest, "sha256:nobodys", ""];

interface Shape {
  readonly path: string;
  /** By field number, the names to choose from. */
  readonly message: Readonly<Record<number, readonly string[]>>;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Its message may mention sessions in a definition. */
  readonly mentions?: true;
}

const SHAPES: readonly Shape[] = [
  { path: `${CONTROL}Solve`, message: { 1: REFS, 5: SESSIONS, 15: ["", ...SESSIONS] }, mentions: true },
  { path: `${CONTROL}Solve`, message: { 1: REFS, 5: [OWN.session] }, mentions: true },
  { path: `${CONTROL}Status`, message: { 1: REFS } },
  { path: `${CONTROL}ListenBuildHistory`, message: { 2: REFS } },
  { path: `${CONTROL}UpdateBuildHistory`, message: { 1: REFS } },
  {
    path: `${CONTROL}Session`,
    message: {},
    headers: { [SESSION_HEADER]: SESSIONS, [SHARED_KEY_HEADER]: ["", "a-directory", "another"] },
  },
  { path: `${CONTROL}ListWorkers`, message: {} },
  { path: `${CONTROL}DiskUsage`, message: {} },
  { path: `${BRIDGE}Solve`, message: {}, headers: { [BUILD_HEADER]: REFS }, mentions: true },
  { path: `${BRIDGE}NewContainer`, message: {}, headers: { [BUILD_HEADER]: REFS } },
  { path: `${CONTENT}Read`, message: { 1: DIGESTS } },
  { path: `${CONTENT}Info`, message: { 1: DIGESTS } },
  { path: `${CONTENT}List`, message: {} },
  { path: "/grpc.health.v1.Health/Check", message: {} },
];

/** A frame that may say what it likes. */
export interface WrittenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  /** Other than the payload's. */
  readonly lengthSaid?: number;
}

export function bytesOf(frames: readonly WrittenFrame[]): Buffer {
  const written = frames.map(({ type, flags, stream, payload, lengthSaid }) => {
    const bytes = frame(type, flags, stream >>> 0, payload);
    if (lengthSaid !== undefined) bytes.writeUIntBE(lengthSaid, 0, 3);
    return bytes;
  });
  return Buffer.concat([PREFACE, ...written]);
}

export interface SessionRecipe {
  readonly dice: Dice;
  /** How likely each part is one that no stock client writes. 0: the session is stock. */
  readonly odd: number;
  readonly codes: readonly string[];
}

/** What one client sends in one connection: some calls side by side, and what goes with them. */
export function clientSession(recipe: SessionRecipe): readonly WrittenFrame[] {
  const { dice, odd } = recipe;
  const writer = new HpackWriter();
  const calls: WrittenFrame[][] = [];
  let stream = 1;
  const started: WrittenFrame[] = [{ type: TYPE.settings, flags: 0, stream: 0, payload: Buffer.alloc(0) }];
  for (let count = 1 + dice.upTo(6); count > 0; count -= 1) {
    const shape = dice.pick(SHAPES);
    const written = dice.chance(odd) ? oddStream(dice, stream) : stream;
    // Header blocks are written in the order in which they are sent: the table moves on.
    started.push(...head(recipe, writer, shape, written));
    calls.push([...body(recipe, shape, written)]);
    stream += 2;
    while (calls.length > 0 && dice.chance(0.7)) {
      const call = dice.pick(calls);
      const next = call.shift();
      if (next === undefined) break;
      started.push(next);
    }
    if (dice.chance(0.3)) started.push(control(dice, odd, stream));
  }
  return [...started, ...calls.flat()];
}

function oddStream(dice: Dice, stream: number): number {
  return dice.pick([stream - 2, stream + 1, 0, stream | 0x80000000, stream + 200, 2 ** 31 - 1]);
}

function head(recipe: SessionRecipe, writer: HpackWriter, shape: Shape, stream: number): readonly WrittenFrame[] {
  const { dice, odd } = recipe;
  const plain: HeaderField[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", shape.path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["user-agent", "grpc-go/1.83.2"],
    ["te", "trailers"],
    ...Object.entries(shape.headers ?? {}).map(([name, from]) => [name, dice.pick(from)] as const),
    ...(dice.chance(0.3) ? [["grpc-timeout", `${dice.upTo(999)}S`] as const] : []),
  ];
  const fields = dice.chance(odd) ? oddFields(dice, plain) : plain;
  const block = headerBlock(recipe, writer, fields);
  const endsStream = dice.chance(odd) ? FLAG.endStream : 0;
  const pieces = dice.pieces(block, dice.chance(odd) ? 12 : dice.pick([1, 1, 3]));
  return pieces.map((piece, at) => {
    const endHeaders = at === pieces.length - 1 && !dice.chance(odd / 10) ? FLAG.endHeaders : 0;
    if (at > 0) return { type: TYPE.continuation, flags: endHeaders, stream, payload: piece };
    return decorated(recipe, { type: TYPE.headers, flags: endHeaders | endsStream, stream, payload: piece });
  });
}

function headerBlock(recipe: SessionRecipe, writer: HpackWriter, fields: readonly HeaderField[]): Buffer {
  const { dice, odd, codes } = recipe;
  const parts: Buffer[] = [];
  if (dice.chance(0.1)) parts.push(writer.resize(dice.pick([0, 4096, dice.upTo(400), dice.upTo(4097)])));
  for (const field of fields) {
    if (dice.chance(odd / 8)) parts.push(oddPart(dice, writer));
    const how: How = dice.chance(0.6) ? "index" : dice.pick(["remembered", "plain", "never"]);
    const overlong = dice.chance(odd / 4) ? dice.upTo(5) : 0;
    const writing = { how, overlong, namesByIndex: dice.chance(0.8), codes: dice.chance(0.5) ? codes : undefined };
    parts.push(writer.field(field, writing));
  }
  if (dice.chance(odd / 8)) parts.push(oddPart(dice, writer));
  return Buffer.concat(parts);
}

function oddPart(dice: Dice, writer: HpackWriter): Buffer {
  switch (dice.upTo(5)) {
    case 0:
      return writer.resize(dice.pick([0, dice.upTo(4097), 4097, 100_000]));
    case 1:
      return number(0x80, 7, dice.upTo(150), dice.upTo(3));
    case 2:
      return number(dice.pick([0x40, 0x10, 0x00]), 4, dice.upTo(90));
    case 3:
      return writer.field(["x-long", "v".repeat(dice.upTo(6_000))], { how: "remembered" });
    default:
      return dice.bytes(1 + dice.upTo(4));
  }
}

function oddFields(dice: Dice, fields: readonly HeaderField[]): readonly HeaderField[] {
  const at = dice.upTo(fields.length);
  const [name, value] = fields[at] ?? ["", ""];
  const place = dice.upTo(fields.length + 1);
  const having = (...more: HeaderField[]): HeaderField[] => [
    ...fields.slice(0, place),
    ...more,
    ...fields.slice(place),
  ];
  const changed = (field: HeaderField): HeaderField[] => fields.map((other, index) => (index === at ? field : other));
  switch (dice.upTo(10)) {
    case 0:
      return having([name, value]);
    case 1:
      return changed([name.toUpperCase(), value]);
    case 2:
      return changed([name, `${value}${String.fromCharCode(dice.upTo(256))}`]);
    case 3:
      return having([dice.pick([":protocol", ":status", ":", "", "x y", "x\u00e9", "x\0"]), value]);
    case 4:
      return fields.toSorted(() => (dice.chance(0.5) ? 1 : -1));
    case 5:
      return fields.filter((_, index) => index !== at);
    case 6:
      return having([":path", dice.pick(SHAPES).path]);
    case 7:
      return having(["grpc-encoding", dice.pick(["identity", "gzip", ""])]);
    case 8:
      return having([dice.pick([BUILD_HEADER, SESSION_HEADER]), dice.pick([...REFS, ...SESSIONS])]);
    default:
      return having([":path", `${dice.pick(SHAPES).path}${dice.pick(["", "/", " ", "?x"])}`], ["x", "y"]);
  }
}

/** With padding and a priority, which stock clients do not write, but may. */
function decorated({ dice, odd }: SessionRecipe, plain: WrittenFrame): WrittenFrame {
  let { flags, payload } = plain;
  if (plain.type === TYPE.headers && dice.chance(0.1)) {
    flags |= FLAG.priority;
    payload = Buffer.concat([Buffer.from([0, 0, 0, dice.upTo(9), 15]), payload]);
  }
  if (dice.chance(0.1)) {
    flags |= FLAG.padded;
    const padding = dice.upTo(20);
    const said = dice.chance(odd) ? dice.upTo(256) : padding;
    payload = Buffer.concat([Buffer.from([said]), payload, Buffer.alloc(padding)]);
  }
  return { ...plain, flags, payload };
}

function body(recipe: SessionRecipe, shape: Shape, stream: number): readonly WrittenFrame[] {
  const { dice, odd } = recipe;
  const written = message(recipe, shape);
  const flag = dice.chance(odd / 4) ? dice.pick([1, 2, 255]) : 0;
  const length = dice.chance(odd / 4) ? Math.max(0, written.length + dice.upTo(9) - 4) : written.length;
  const data = prefixed(written, flag, length);
  const all = dice.chance(odd / 2) ? Buffer.concat([data, prefixed(message(recipe, shape))]) : data;
  const pieces = dice.pieces(all, dice.pick([1, 1, 2, 5]));
  const frames = pieces.map((payload, at) => {
    const ends = at === pieces.length - 1 || dice.chance(odd / 8);
    return decorated(recipe, { type: TYPE.data, flags: ends ? FLAG.endStream : 0, stream, payload });
  });
  return dice.chance(0.1) ? [...frames, reset(dice, stream)] : frames;
}

function message({ dice, odd }: SessionRecipe, { message, mentions }: Shape): Buffer {
  const overlong = () => (dice.chance(odd / 4) ? dice.upTo(11) : 0);
  const parts = Object.entries(message).map(([field, names]) =>
    bytesField(Number(field), dice.pick(names), overlong()),
  );
  if (dice.chance(0.5)) parts.push(bytesField(6, "dockerfile.v0"), Buffer.concat([tag(11, 0), varint(1)]));
  if (mentions && dice.chance(0.4)) parts.push(definition(dice, overlong()));
  if (dice.chance(odd)) parts.splice(dice.upTo(parts.length + 1), 0, oddField(dice, message));
  if (dice.chance(odd)) parts.sort(() => (dice.chance(0.5) ? 1 : -1));
  return Buffer.concat(parts);
}

/** A source of files: BuildKit's pb.Op, in a definition. */
function definition(dice: Dice, overlong: number): Buffer {
  const prefix = dice.pick(["\u0001", "x", ":"]).repeat(dice.upTo(200));
  const session = dice.pick([OWN.session, FOREIGN.session, `any:${FOREIGN.session}`, `${prefix}:${FOREIGN.session}`]);
  const attribute = Buffer.concat([bytesField(1, "local.sessionid"), bytesField(2, session, overlong)]);
  const source = Buffer.concat([bytesField(1, "local://context"), bytesField(2, attribute)]);
  return bytesField(2, bytesField(1, bytesField(3, source)));
}

function oddField(dice: Dice, message: Shape["message"]): Buffer {
  const numbers = [1, 2, 5, 15, ...Object.keys(message).map(Number)];
  const field = dice.pick(numbers);
  const name = dice.pick([...REFS, ...SESSIONS, ...DIGESTS]);
  switch (dice.upTo(8)) {
    case 0:
      return bytesField(field, name, dice.upTo(10));
    case 1:
      return Buffer.concat([tag(field, 0), varint(dice.upTo(2 ** 30), dice.upTo(8))]);
    case 2:
      return Buffer.concat([tag(field, 3), bytesField(1, name), tag(field, 4)]);
    case 3:
      return Buffer.concat([tag(field, dice.pick([1, 5, 6, 7])), dice.bytes(8)]);
    case 4:
      return Buffer.concat([
        tag(dice.pick([0, 2 ** 29 - 1, 2 ** 29, 2 ** 29 + field]), 2),
        varint(2),
        Buffer.from("ab"),
      ]);
    case 5:
      return Buffer.concat([tag(field, 2), varint(dice.upTo(2 ** 34), dice.upTo(3)), Buffer.from(name)]);
    case 6:
      return Buffer.concat([overflown(tag(field, 2, 8)), varint(name.length), Buffer.from(name)]);
    default:
      return bytesField(100 + dice.upTo(1_000), dice.bytes(dice.upTo(300)));
  }
}

/** A tenth byte has a bit that 64 bits have no room for: it is lost to whoever does not look. */
function overflown(number: Buffer): Buffer {
  const bytes = Buffer.from(number);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) | 0x80;
  return Buffer.concat([bytes, Buffer.from([0x02])]);
}

function reset(dice: Dice, stream: number): WrittenFrame {
  return { type: TYPE.reset, flags: 0, stream, payload: Buffer.from([0, 0, 0, dice.pick([8, 0, 5])]) };
}

function control(dice: Dice, odd: number, stream: number): WrittenFrame {
  const of = (type: number, on: number, payload: Buffer, flags = 0) => ({ type, flags, stream: on, payload });
  if (dice.chance(odd)) return of(dice.upTo(20), dice.upTo(stream + 2), dice.bytes(dice.upTo(12)), dice.upTo(256));
  switch (dice.upTo(5)) {
    case 0:
      return of(TYPE.ping, 0, dice.bytes(8));
    case 1:
      return of(TYPE.window, dice.pick([0, 1, stream]), Buffer.from([0, 0, 1, dice.upTo(256)]));
    case 2:
      return of(TYPE.settings, 0, Buffer.alloc(0), FLAG.acknowledges);
    case 3:
      return of(TYPE.settings, 0, Buffer.from([0, 4, 0, 0, 255, 255]));
    default:
      return reset(dice, 1 + 2 * dice.upTo(stream / 2));
  }
}
