import {
  BUILD_HEADER,
  type Method,
  mayCall,
  mayMention,
  mayName,
  type Named,
  type Permission,
  type Ruling,
  SESSION_HEADER,
  SHARED_KEY_HEADER,
} from "../../core/calls.ts";
import { ClientFrames, type HeadRuling } from "../http2/client-frames.ts";
import { callRefused } from "../http2/frames.ts";
import type { HeaderField } from "../http2/hpack.ts";
import { requestHead } from "../http2/request.ts";
import { ServerFrames } from "../http2/server-frames.ts";
import { Unsound } from "../http2/unsound.ts";
import type { Belongings } from "./belongings.ts";
import { FrameBudget, type FrameLimits } from "./frame-budget.ts";
import { MentionedSessions } from "./mentioned-sessions.ts";
import { sharedKey } from "./shared-key.ts";
import { type AnswerReader, BlobReader, HistoryReader } from "./told-blobs.ts";

const ENCODING = "grpc-encoding";
const JUDGED: ReadonlySet<string> = new Set([BUILD_HEADER, SESSION_HEADER, SHARED_KEY_HEADER, ENCODING]);

const COMPRESSED = "its message is compressed, and cannot be judged";

/** A client that asks so often for what it may not have is no stock client. */
const REFUSALS_MAX = 1_000;
/** Answers that are read for the blobs they name. */
const READERS_MAX = 16;

export interface CallGuardOptions {
  readonly buildId: string;
  /** As granted at this moment. */
  readonly permissions: () => ReadonlySet<Permission>;
  readonly contextGroup: () => string | undefined;
  readonly belongings: Belongings;
  readonly limits: FrameLimits;
  readonly monoMs: () => number;
  readonly toBuildkit: (bytes: Buffer) => void;
  readonly toClient: (bytes: Buffer) => void;
  readonly onRefused: (path: string, because: string) => void;
}

export type GuardMaker = (ways: Pick<CallGuardOptions, "toBuildkit" | "toClient">) => CallGuard;

/**
 * Judges what one session asks of BuildKit, call by call, on the bytes that it carries. A call that
 * its build may not make is answered by us, and never becomes one; the session lives on.
 */
export class CallGuard {
  readonly #options: CallGuardOptions;
  readonly #client: ClientFrames;
  readonly #server: ServerFrames;
  readonly #budget: FrameBudget;
  /** By stream. */
  readonly #readers = new Map<number, AnswerReader>();
  /** Calls so far that its build might not make. */
  refusals = 0;

  constructor(options: CallGuardOptions) {
    this.#options = options;
    this.#budget = new FrameBudget(options.limits, options.monoMs);
    this.#server = new ServerFrames({
      send: options.toClient,
      looksInto: (stream) => this.#readers.has(stream),
      onData: (stream, payload) => this.#answered(stream, payload),
      onEnd: (stream) => this.#readers.delete(stream),
    });
    this.#client = new ClientFrames({
      send: options.toBuildkit,
      judge: (stream, fields) => this.#judge(stream, fields),
      onFrame: (header) => this.#budget.spend(header),
    });
  }

  /** @throws {Unsound} Then nothing more of this client may be passed on. */
  fromClient(bytes: Buffer): void {
    this.#client.take(bytes);
  }

  fromBuildkit(bytes: Buffer): void {
    this.#server.pass(bytes);
  }

  #judge(stream: number, fields: readonly HeaderField[]): HeadRuling {
    const head = requestHead(fields, JUDGED);
    if (head === undefined) throw new Unsound("a request that can be read in two ways");
    const { path } = head;
    const call = mayCall(path, this.#options.permissions());
    if (!call.may) return this.#refuse(stream, path, call.because);
    const { inHeader, inMessage = [], mentionsSessions = false, keyedIn } = call.method;
    const named: Ruling = inHeader === undefined ? call : this.#mayName(inHeader, head.fields.get(inHeader.at));
    if (!named.may) return this.#refuse(stream, path, named.because);
    if (keyedIn !== undefined) return { is: "pass", first: [keyedIn, this.#keyFor(head.fields.get(keyedIn))] };
    if (inMessage.length === 0 && !mentionsSessions) return { is: "pass" };
    if ((head.fields.get(ENCODING) ?? "identity") !== "identity") return this.#refuse(stream, path, COMPRESSED);
    const sessions = new MentionedSessions();
    return {
      is: "read",
      wanted: new Set(inMessage.map(({ at }) => at)),
      inspect: (data) => !mentionsSessions || this.#judgeMentions(stream, path, sessions.push(data)),
      judge: (found) => this.#judgeNames(stream, path, call.method, found),
    };
  }

  #keyFor(asked = ""): string {
    const { buildId, contextGroup } = this.#options;
    return sharedKey({ buildId, contextGroup: contextGroup() }, asked);
  }

  #judgeMentions(stream: number, path: string, mentioned: Iterable<string>): boolean {
    for (const name of mentioned) {
      const ruling = mayMention(this.#belongs("session", name, false));
      if (ruling.may) continue;
      this.#refuse(stream, path, ruling.because);
      return false;
    }
    return true;
  }

  #judgeNames(stream: number, path: string, method: Method, found: ReadonlyMap<number, string>): boolean {
    for (const each of method.inMessage ?? []) {
      const ruling = this.#mayName(each, found.get(each.at));
      if (ruling.may) continue;
      this.#refuse(stream, path, ruling.because);
      return false;
    }
    this.#readAnswer(stream, method, found);
    return true;
  }

  #mayName(named: Named, name: string | undefined): Ruling {
    return mayName(named, name, this.#belongs, this.#options.permissions());
  }

  /**
   * What BuildKit tells a build of its own blobs it may read. Of others it was told because it may
   * read all.
   */
  #readAnswer(stream: number, { tells }: Method, found: ReadonlyMap<number, string>): void {
    if (tells === undefined) return;
    const { buildId, belongings } = this.#options;
    const [name = ""] = found.values();
    const isOwn = tells === "blob" ? belongings.namesMore(buildId, name) : this.#belongs("ref", name, false) === "own";
    if (!isOwn) return;
    const [oldest] = this.#readers.keys();
    if (this.#readers.size === READERS_MAX && oldest !== undefined) this.#readers.delete(oldest);
    this.#readers.set(stream, tells === "blob" ? new BlobReader() : new HistoryReader());
  }

  #answered(stream: number, payload: Buffer): void {
    const reader = this.#readers.get(stream);
    if (reader === undefined) return;
    for (const blob of reader.push(payload)) this.#options.belongings.isTold(this.#options.buildId, blob);
  }

  readonly #belongs = (...[kind, name, claims]: Parameters<Parameters<typeof mayName>[2]>) =>
    this.#options.belongings.belongs(this.#options.buildId, kind, name, claims);

  #refuse(stream: number, path: string, because: string): { readonly is: "refuse" } {
    this.refusals += 1;
    if (this.refusals > REFUSALS_MAX) throw new Unsound(`more than ${REFUSALS_MAX} calls that this build may not make`);
    this.#options.onRefused(path, because);
    this.#server.put(callRefused(stream, because));
    return { is: "refuse" };
  }
}
