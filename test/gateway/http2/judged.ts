import { methodOf, USUAL_PERMISSIONS } from "../../../agent/core/calls.ts";
import { Belongings } from "../../../agent/gateway/calls/belongings.ts";
import { CallGuard } from "../../../agent/gateway/calls/call-guard.ts";
import { USUAL_FRAME_LIMITS } from "../../../agent/gateway/calls/frame-budget.ts";
import { ClientFrames, type HeadRuling } from "../../../agent/gateway/http2/client-frames.ts";
import { frame, TYPE } from "../../../agent/gateway/http2/frames.ts";
import type { HeaderField } from "../../../agent/gateway/http2/hpack.ts";
import { requestHead } from "../../../agent/gateway/http2/request.ts";
import { Unsound } from "../../../agent/gateway/http2/unsound.ts";
import { FOREIGN, isForeign, OWN } from "./client-session.ts";

export const BUILD = "own-build";
const VICTIM = "victim";

/** What BuildKit begins with. */
const SETTINGS = frame(TYPE.settings, 0, 0, Buffer.alloc(0));

export interface Guarded {
  readonly toBuildkit: Buffer;
  /** Without BuildKit's settings. */
  readonly toClient: Buffer;
  readonly refusals: readonly string[];
  /** Why the session is cut, if it is. */
  readonly unsound: string | undefined;
  readonly belongings: Belongings;
}

/** What a session's guard makes of a client's chunks. `OWN` and `FOREIGN` are known before. */
export function guarded(chunks: readonly Buffer[]): Guarded {
  const belongings = new Belongings();
  for (const [build, has] of [
    [VICTIM, FOREIGN],
    [BUILD, OWN],
  ] as const) {
    belongings.belongs(build, "ref", has.ref, true);
    belongings.belongs(build, "session", has.session, true);
    belongings.isTold(build, { digest: has.digest, namesMore: false });
  }
  const up: Buffer[] = [];
  const down: Buffer[] = [];
  const refusals: string[] = [];
  const guard = new CallGuard({
    buildId: BUILD,
    permissions: () => USUAL_PERMISSIONS,
    contextGroup: () => undefined,
    belongings,
    limits: USUAL_FRAME_LIMITS,
    monoMs: () => 0,
    toBuildkit: (bytes) => up.push(Buffer.from(bytes)),
    toClient: (bytes) => down.push(Buffer.from(bytes)),
    onRefused: (path, because) => refusals.push(`${path}: ${because}`),
  });
  guard.fromBuildkit(SETTINGS);
  const unsound = whyUnsound(() => {
    for (const chunk of chunks) guard.fromClient(chunk);
  });
  const toClient = Buffer.concat(down).subarray(SETTINGS.length);
  return { toBuildkit: Buffer.concat(up), toClient, refusals, unsound, belongings };
}

export interface JudgedCall {
  readonly stream: number;
  readonly fields: readonly HeaderField[];
  /** What its message says, once it is whole and is to pass. */
  names?: ReadonlyMap<number, string>;
}

export interface Recorded {
  readonly toBuildkit: Buffer;
  /** Those that are to pass, in their order. */
  readonly passed: readonly JudgedCall[];
  /** Streams of which the header block was not to pass. */
  readonly refused: readonly number[];
  readonly unsound: string | undefined;
}

/** What the frames of a client are read as. Refused is what is not known, or names a victim. */
export function recorded(chunks: readonly Buffer[]): Recorded {
  const up: Buffer[] = [];
  const passed: JudgedCall[] = [];
  const refused: number[] = [];
  const judge = (stream: number, fields: readonly HeaderField[]): HeadRuling => {
    const head = requestHead(fields, new Set());
    if (head === undefined) throw new Unsound("a request that can be read in two ways");
    const method = methodOf(head.path);
    if (method === undefined) {
      refused.push(stream);
      return { is: "refuse" };
    }
    const call: JudgedCall = { stream, fields: [...fields] };
    passed.push(call);
    const wanted = (method.inMessage ?? []).map(({ at }) => at);
    if (wanted.length === 0) return { is: "pass" };
    const judgeNames = (found: ReadonlyMap<number, string>): boolean => {
      if ([...found.values()].some((name) => isForeign("ref", name) || isForeign("digest", name))) return false;
      call.names = new Map(found);
      return true;
    };
    return { is: "read", wanted: new Set(wanted), inspect: () => true, judge: judgeNames };
  };
  const frames = new ClientFrames({ send: (bytes) => up.push(Buffer.from(bytes)), judge, onFrame: () => undefined });
  const unsound = whyUnsound(() => {
    for (const chunk of chunks) frames.take(chunk);
  });
  return { toBuildkit: Buffer.concat(up), passed, refused, unsound };
}

/** Any other failure is a crash, and thrown. */
function whyUnsound(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (failure) {
    if (failure instanceof Unsound) return failure.message;
    throw failure;
  }
}
