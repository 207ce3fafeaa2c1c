import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import type { ControlPlane, Heard, PlaneStream } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { BareServer, type ServerStream } from "./bare-server.ts";
import { BreakableWay } from "./breakable-way.ts";
import { APP, dial, FOREVER, HELLO, join } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let identity: MachineIdentity;
beforeAll(async () => {
  await using plane = await EmbeddedControlPlane.listen();
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
});

/** Far less than the 90 s of silence, and far more than the second or two that it takes. */
const NOTICED_WITHIN_MS = 15_000;
const BROKEN_OFF = { status: "UNAVAILABLE", step: "retry", message: expect.stringContaining("broken off") as string };
/** Nothing more is taken on the way: both windows and all buffers are full. */
const STUCK_FOR_MS = 700;
const WORD = { is: "records", bootId: "b", records: [] } as const;

/** It says as much as is taken, in messages of so many bytes, and reads what it is told. */
class Talker implements AsyncDisposable {
  readonly #server: BareServer;
  readonly #counted: { said: number };
  readonly way: BreakableWay;
  readonly client: ControlPlane & AsyncDisposable;

  private constructor(server: BareServer, way: BreakableWay, counted: { said: number }) {
    this.#server = server;
    this.#counted = counted;
    this.way = way;
    const { serverName, caPem } = server;
    this.client = dial({ serverName, caPem, endpoint: way.endpoint });
  }

  static async saying(bytes: number): Promise<Talker> {
    const counted = { said: 0 };
    const server = await BareServer.listen((call) => talk(call, bytes, counted));
    return new Talker(server, await BreakableWay.to(server.endpoint), counted);
  }

  /** Messages that it has given to its gRPC. */
  get said(): number {
    return this.#counted.said;
  }

  /** As its process's end would do it. */
  end(): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.way[Symbol.asyncDispose]();
    await this.end();
  }
}

function talk(call: ServerStream, bytes: number, counted: { said: number }): void {
  const said = { message: { $case: "recordsAck", value: { bootId: "x".repeat(bytes), upToSequence: 1n } } } as const;
  call.on("error", () => undefined);
  call.resume();
  const pour = (): void => {
    do counted.said += 1;
    while (!call.destroyed && call.write(said));
    call.once("drain", pour);
  };
  pour();
}

/** What sending fails with. */
async function refusalOf(stream: PlaneStream): Promise<unknown> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < NOTICED_WITHIN_MS) {
    try {
      await stream.send(WORD);
    } catch (failure) {
      return failure;
    }
    await sleep(50);
  }
  return "it still sends";
}

describe("a call whose connection breaks while its reader pauses before large messages", () => {
  const ways: readonly (readonly [string, (far: Talker) => void | Promise<void>])[] = [
    ["by an end in good order of TCP", ({ way }) => way.finish()],
    ["by a reset", ({ way }) => way.reset()],
    ["by the end of the far end's process", (far) => far.end()],
  ];
  it.each(ways)("%s, has ended for all, and no message of it is news any more", async (_, breakIt) => {
    await using far = await Talker.saying(1024 * 1024);
    const stream = far.client.attach(identity, HELLO, FOREVER);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await messages.next();
    for (let before = 0; before !== far.said; await sleep(STUCK_FOR_MS)) before = far.said;
    await breakIt(far);
    expect(await refusalOf(stream)).toMatchObject(BROKEN_OFF);
    await expect(messages.next()).rejects.toMatchObject(BROKEN_OFF);
  });
});

describe("a call whose connection is reset", () => {
  it("ends within seconds also where what this process writes meets the reset first, which Node never tells", async () => {
    await using far = await Talker.saying(4096);
    const stream = far.client.attach(identity, HELLO, FOREVER);
    const end = answeringAll(stream);
    // A window of messages on its way: who reads them writes, and so do the answers.
    await sleep(200);
    far.way.hold();
    await expect.poll(() => far.way.heldBytes, { timeout: NOTICED_WITHIN_MS }).toBeGreaterThan(30_000);
    far.way.letGoAndReset();
    const late = sleep(NOTICED_WITHIN_MS, "it still waits", { ref: false });
    expect(await Promise.race([end, late])).toMatchObject(BROKEN_OFF);
    await expect(stream.send(WORD)).rejects.toMatchObject(BROKEN_OFF);
  });
});

/** Reads without a pause, and answers each message; what the reading ends with. */
async function answeringAll(stream: PlaneStream): Promise<unknown> {
  try {
    const messages = stream.incoming[Symbol.asyncIterator]();
    while ((await messages.next()).done !== true) stream.send(WORD).catch(() => undefined);
    return undefined;
  } catch (failure) {
    return failure;
  }
}

describe("a call whose connection is well", () => {
  it("goes on where it was when its reader paused for seconds", async () => {
    await using far = await Talker.saying(1024 * 1024);
    const stream = far.client.attach(identity, HELLO, FOREVER);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await messages.next();
    await sleep(2_500);
    const heard: Heard[] = [];
    while (heard.length < 30) heard.push((await messages.next()).value as Heard);
    expect(heard.map(({ is }) => is)).toEqual(heard.map(() => "records-ack"));
    await stream.send(WORD);
  });
});
