import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { eventually } from "./stage/eventually.ts";
import { type Answer, BRIDGE, CONTENT, CONTROL, fields, message, RawCalls, strings } from "./stage/raw-calls.ts";
import { sharedStage } from "./stage/shared-stage.ts";
import { buildkitSocketIn } from "./stage/stage-config.ts";

/** Of one to four calls each. `npm run test:calls` takes ten thousand. */
const SEQUENCES = Number(process.env["BUILDER_AGENT_CALLS"] || 800);
/** Side by side, over one session. */
const AT_ONCE = 8;
/** For each batch of some twenty calls: a session may make 5,000 in ten seconds. */
const PACE_MS = 60;
const DEADLINE_MS = 60_000 + SEQUENCES * 60;

const PERMISSION_DENIED = 7;
const BUILD_HEADER = "buildkit-controlapi-buildid";
const SESSION_HEADER = "x-docker-expose-session-uuid";
const EARLY_EXIT = [0x18, 1];
const NOTHING = Buffer.alloc(0);

const stage = sharedStage();

/** What another build has, by the kinds of names that lead to it. */
interface Loot {
  /** Of a build that runs, and of one that has ended. */
  readonly refs: readonly string[];
  readonly session: string;
  /** Of the ended one's log. */
  readonly digest: string;
}

interface Call {
  readonly path: string;
  readonly message: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const METHODS_OF_REFS = ["Status", "Solve", "ListenBuildHistory", "UpdateBuildHistory"];
const METHODS_OF_BRIDGE = ["Solve", "ReadFile", "ReadDir", "StatFile", "Ping", "Return", "Inputs", "NewContainer"];

/** Each names something of another build's, somewhere, however it can be written. */
function calls({ refs, session, digest }: Loot): fc.Arbitrary<Call> {
  const ref = fc.constantFrom(...refs);
  const written = fc.constantFrom<(name: string) => string>(
    (name) => name,
    (name) => `any:${name}`,
  );
  const plain = fc.record({ headers: fc.constant({}) });
  /** One string field, with others before and behind it. */
  const around = (number: number, name: string) =>
    fc
      .record({
        // Not named twice, nor as a number: that cuts the session, and each client then waits.
        before: fc.constantFrom(NOTHING, strings({ 9: "x" })),
        behind: fc.constantFrom(NOTHING, Buffer.from([0x18, 1])),
      })
      .map(({ before, behind }) => Buffer.concat([before, strings({ [number]: name }), behind]));
  const named = (path: string, number: number, name: string): fc.Arbitrary<Call> =>
    fc.tuple(plain, around(number, name)).map(([rest, bytes]) => ({ path, message: bytes, ...rest }));
  const source = (name: string): Uint8Array =>
    message(
      2,
      message(
        1,
        message(
          3,
          Buffer.concat([strings({ 1: "local://context" }), message(2, strings({ 1: "local.sessionid", 2: name }))]),
        ),
      ),
    );
  return fc.oneof(
    fc
      .tuple(fc.constantFrom(...METHODS_OF_REFS), ref)
      .chain(([method, name]) => named(`${CONTROL}${method}`, method.startsWith("Listen") ? 2 : 1, name)),
    fc
      .tuple(fc.constantFrom(...METHODS_OF_BRIDGE), ref)
      .map(([method, name]) => ({ path: `${BRIDGE}${method}`, message: NOTHING, headers: { [BUILD_HEADER]: name } })),
    fc
      .constantFrom("Read", "Info")
      .map((method) => ({ path: `${CONTENT}${method}`, message: strings({ 1: digest }), headers: {} })),
    fc.tuple(fc.constantFrom(5, 15), written).map(([number, write]) => ({
      path: `${CONTROL}Solve`,
      message: strings({ 1: "own-ref", [number]: write(session) }),
      headers: {},
    })),
    written.map((write) => ({
      path: `${CONTROL}Solve`,
      message: Buffer.concat([strings({ 1: "own-ref" }), source(write(session))]),
      headers: {},
    })),
    fc.constant({ path: `${CONTROL}Session`, message: NOTHING, headers: { [SESSION_HEADER]: session } }),
    fc
      .constantFrom("List", "Delete", "Status", "Write")
      .map((method) => ({ path: `${CONTENT}${method}`, message: NOTHING, headers: {} })),
  );
}

/** A session is cut at its thousandth refused call: each of these makes fewer. */
class Rotating {
  static readonly #CALLS_EACH = 700;
  readonly #make: () => Promise<RawCalls>;
  #present: Promise<RawCalls> | undefined;
  #calls = 0;

  constructor(make: () => Promise<RawCalls>) {
    this.#make = make;
  }

  next(): Promise<RawCalls> {
    if (this.#calls % Rotating.#CALLS_EACH === 0) this.#present = undefined;
    this.#calls += 1;
    return (this.#present ??= this.#make());
  }
}

it(
  "however its names are written",
  async ({ annotate }) => {
    const [victim, thief] = [await stage().openBuild(), await stage().openBuild()];
    using root = RawCalls.direct(buildkitSocketIn(stage().runtimeDir));
    const records = async (): Promise<readonly Uint8Array[]> => {
      const { messages } = await root.call(`${CONTROL}ListenBuildHistory`, Buffer.from(EARLY_EXIT));
      return messages.flatMap((event) => fields(event, 2));
    };
    const refOf = (record: Uint8Array): string => Buffer.from(fields(record, 1)[0] ?? NOTHING).toString();
    {
      await using ended = await stage().holdBuild(victim);
      await ended.finish();
    }
    const [record = NOTHING] = await eventually("the ended build is in the history", async () => {
      const all = await records();
      return all.length > 0 && all;
    });
    const descriptor = fields(record, 8)[0] ?? NOTHING;
    const digest = Buffer.from(fields(descriptor, 2)[0] ?? NOTHING).toString();
    // It lives as long as its client may, forty seconds; from then on it is another that has ended.
    await using held = await stage().holdBuild(victim);
    const running = await eventually("the held build is listed", async () =>
      (await records()).map(refOf).find((ref) => ref !== refOf(record)),
    );
    using victims = await RawCalls.of(victim);
    const session = "v".repeat(25);
    void victims.call(`${CONTROL}Session`, NOTHING, { [SESSION_HEADER]: session });
    await victims.call(`${CONTROL}ListWorkers`, NOTHING);

    const thiefs = new Rotating(() => RawCalls.of(thief));
    const tally = { refused: 0, otherwise: 0 };
    const isReached = ({ messages }: Answer): boolean => messages.some((bytes) => bytes.length > 0);
    const loot = { refs: [refOf(record), running], session, digest };
    /** The paths of those that got an answer. */
    const reachedBy = async (sequence: readonly Call[]): Promise<readonly string[]> => {
      const reached: string[] = [];
      for (const { path, message: bytes, headers } of sequence) {
        const answer = await (await thiefs.next()).call(path, bytes, headers, true);
        tally[answer.code === PERMISSION_DENIED ? "refused" : "otherwise"] += 1;
        if (isReached(answer)) reached.push(path);
      }
      return reached;
    };
    // Past the gateway the very same names lead there: this test can fail.
    for (const [path, bytes] of [
      [`${CONTROL}Status`, strings({ 1: running })],
      [`${CONTROL}ListenBuildHistory`, Buffer.concat([strings({ 2: loot.refs[0] ?? "" }), Buffer.from(EARLY_EXIT)])],
      [`${CONTENT}Read`, strings({ 1: digest })],
    ] as const)
      expect(isReached(await root.call(path, bytes, {}, true))).toBe(true);
    expect(await held.isStepRunning()).toBe(true);
    const sequence = fc.array(calls(loot), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(sequence, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
        const [reached] = await Promise.all([Promise.all(batch.map(reachedBy)), sleep(PACE_MS)]);
        expect(reached.flat()).toEqual([]);
      }),
      { numRuns: SEQUENCES / AT_ONCE },
    );
    await annotate(`${tally.refused} refused, ${tally.otherwise} failed otherwise`);
    expect(tally.refused).toBeGreaterThan(SEQUENCES);
    expect(tally.otherwise).toBeLessThan(tally.refused);
  },
  DEADLINE_MS,
);
