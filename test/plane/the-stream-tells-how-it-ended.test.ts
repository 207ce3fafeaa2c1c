import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { Refusal } from "../../sandbox/control-plane/refusal.ts";
import { BareServer, type ServerStream } from "./bare-server.ts";
import { APP, dial, endOf, FOREVER, HELLO, isDesired, join, next } from "./member.ts";
import { TokenFile } from "./token-file.ts";

let plane: EmbeddedControlPlane;
let identity: MachineIdentity;
beforeAll(async () => {
  plane = await EmbeddedControlPlane.listen();
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
});
afterAll(() => plane[Symbol.asyncDispose]());

const OBSERVED = {
  is: "observed",
  state: {
    observedAtMs: 0,
    head: {},
    troubles: [],
    phase: { at: "starting" },
    appliedRevision: 0n,
    appliedEpoch: "",
    builds: new Map(),
    checks: [],
    bootChapters: [],
    buildkit: { version: "", restarts: 0, lastExit: "", quarantined: "" },
    certificates: { lastRenewalError: "" },
    counters: { sessionsAccepted: 0, sessionsRefused: 0, messagesRefused: 0 },
    loops: [],
  },
} as const;

describe("a stream that the far end ends", () => {
  const statuses = [
    ["PERMISSION_DENIED", status.PERMISSION_DENIED, "suspect"],
    ["UNIMPLEMENTED", status.UNIMPLEMENTED, "suspect"],
    ["UNAUTHENTICATED", status.UNAUTHENTICATED, "new-evidence"],
    ["ABORTED", status.ABORTED, "retry"],
    ["UNAVAILABLE", status.UNAVAILABLE, "retry"],
    ["INTERNAL", status.INTERNAL, "retry"],
    ["NOT_FOUND", status.NOT_FOUND, "retry"],
    ["CANCELLED", status.CANCELLED, "retry"],
  ] as const;
  it.each(statuses)("with %s tells so, and what to do", async (name, code, step) => {
    await using client = dial(plane);
    const stream = client.attach(identity, HELLO, FOREVER);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    plane.endStreams(new Refusal(code, "enough"));
    const failure = { status: name, step, message: `The control plane answered Attach with ${name}: enough` };
    await expect(next(messages, isDesired)).rejects.toMatchObject(failure);
    await expect(stream.send(OBSERVED)).rejects.toMatchObject(failure);
  });

  it("before it began does the same", async () => {
    plane.faults.answer("attach", Refusal.forGood("machine-refused", "not you"));
    await using client = dial(plane);
    expect(await endOf(client.attach(identity, HELLO, FOREVER))).toMatchObject({ step: "end-agent" });
    plane.faults.answer("attach", undefined);
  });

  it("in good order ends the iteration without a failure, and sends nothing more", async () => {
    await using server = await BareServer.listen((call) => call.on("data", () => call.end()));
    await using client = dial(server);
    const stream = client.attach(identity, HELLO, FOREVER);
    expect(await endOf(stream)).toBeUndefined();
    await expect(stream.send(OBSERVED)).rejects.toMatchObject({ status: "UNAVAILABLE", step: "retry" });
  });

  it("because another one of this machine took over, ends with ABORTED", async () => {
    await using client = dial(plane);
    const first = client.attach(identity, HELLO, FOREVER);
    const messages = first.incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    await using other = dial(plane);
    const second = other.attach(identity, HELLO, FOREVER);
    await next(second.incoming[Symbol.asyncIterator](), isDesired);
    await expect(next(messages, isDesired)).rejects.toMatchObject({ status: "ABORTED", step: "retry" });
  });

  it("by dying is noticed within seconds, and the next one goes through", async () => {
    await using client = dial(plane);
    const stream = client.attach(identity, HELLO, FOREVER);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    const cutAt = performance.now();
    plane.transport.cutConnections();
    await expect(next(messages, isDesired)).rejects.toMatchObject({ status: "UNAVAILABLE", step: "retry" });
    expect(performance.now() - cutAt).toBeLessThan(30_000);
    const again = client.attach(identity, HELLO, FOREVER);
    await next(again.incoming[Symbol.asyncIterator](), isDesired);
  });

  it("before it could be reached fails, and the next one dials at once, not when the channel thinks it time", async () => {
    await using client = dial(plane);
    plane.transport.stopListening();
    const first = endOf(client.attach(identity, HELLO, FOREVER));
    expect(await first).toMatchObject({ status: "UNAVAILABLE", step: "retry" });
    await plane.transport.listenAgain();
    const again = client.attach(identity, HELLO, FOREVER);
    await next(again.incoming[Symbol.asyncIterator](), isDesired);
  });

  it("is not ended by a graceful GOAWAY: what is open goes on, and new calls take a new connection", async () => {
    await using client = dial(plane);
    const stop = new AbortController();
    const stream = client.attach(identity, HELLO, stop.signal);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    plane.transport.goAway(60_000);
    const { buildId } = await plane.openBuild({ ...APP, wait: false });
    expect((await next(messages, isDesired)).state.grants.has(buildId)).toBe(true);
    await stream.send(OBSERVED);
    await client.renew(identity, { machineRequest: await identity.key.request("again") }, FOREVER);
    plane.endBuild(buildId);
    expect((await next(messages, isDesired)).state.grants.has(buildId)).toBe(false);
    stop.abort();
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });
});

describe("a stream that we end", () => {
  it("ends without a failure, for the reader, for who sends, and at the far end", async () => {
    await using client = dial(plane);
    const stop = new AbortController();
    const stream = client.attach(identity, HELLO, stop.signal);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await next(messages, isDesired);
    const waiting = messages.next();
    stop.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await stream.send(OBSERVED);
    await plane.until(() => plane.machines().every((machine) => machine.link === undefined));
  });

  it("never begins when the signal was aborted before", async () => {
    await using client = dial(plane);
    const stream = client.attach(identity, HELLO, AbortSignal.abort());
    expect(await endOf(stream)).toBeUndefined();
    await stream.send(OBSERVED);
  });

  it("ends at the far end when its reader leaves the loop", async () => {
    await using client = dial(plane);
    for await (const message of client.attach(identity, HELLO, FOREVER).incoming) {
      if (message.is === "desired") break;
    }
    await plane.until(() => plane.machines().every((machine) => machine.link === undefined));
  });

  it("leaves no connection when its owner closes the client, even if nobody ever read it", async () => {
    const own = await EmbeddedControlPlane.listen();
    const client = dial(own);
    await using token = await TokenFile.holding(own.issueJoinToken(APP));
    const mine = await join(client, joinTokenEvidence({ tokenFile: token.path }));
    client.attach(mine, HELLO, FOREVER);
    await own.until(() => own.machines().some((machine) => machine.link !== undefined));
    await client[Symbol.asyncDispose]();
    await expect.poll(() => own.transport.connections, { timeout: 10_000 }).toBe(0);
    await own[Symbol.asyncDispose]();
  });
});

describe("a far end that does not keep up", () => {
  it("is given up when it never answers Hello", async () => {
    await using server = await BareServer.listen((call) => call.resume());
    await using client = dial(server, { limits: { openingMs: 200 } });
    expect(await endOf(client.attach(identity, HELLO, FOREVER))).toMatchObject({
      status: "DEADLINE_EXCEEDED",
      step: "retry",
      message: "The control plane did not answer Attach: no answer within 0.2 s",
    });
  });

  it("slows us down, and is given up when it takes no message in time", async () => {
    // It answers, and never reads.
    await using server = await BareServer.listen((call) => call.sendMetadata(call.metadata));
    await using client = dial(server, { limits: { sendMs: 300 } });
    const stream = client.attach(identity, HELLO, FOREVER);
    const end = endOf(stream);
    const large = { ...OBSERVED, state: { ...OBSERVED.state, appliedEpoch: "x".repeat(50_000) } };
    const sends = async (): Promise<void> => {
      for (;;) await stream.send(large);
    };
    const failure = { status: "DEADLINE_EXCEEDED", message: expect.stringContaining("no room") as string };
    await expect(sends()).rejects.toMatchObject(failure);
    expect(await end).toMatchObject(failure);
  });

  it("holds back a far end that sends faster than we read", async () => {
    let open: (call: ServerStream) => void = () => undefined;
    const opened = new Promise<ServerStream>((resolve) => (open = resolve));
    await using server = await BareServer.listen(open);
    await using client = dial(server);
    const stream = client.attach(identity, HELLO, FOREVER);
    const call = await opened;
    const ack = { message: { $case: "recordsAck", value: { bootId: "x".repeat(10_000), upToSequence: 1n } } } as const;
    let sent = 0;
    // Until the transport is full: what is not read stays there, not in our memory.
    while (call.write(ack) && sent < 10_000) sent += 1;
    expect(sent).toBeLessThan(10_000);
    const messages = stream.incoming[Symbol.asyncIterator]();
    await messages.next();
    const drained = once(call, "drain");
    for (let read = 1; read <= sent; read += 1) await messages.next();
    await drained;
  });
});
