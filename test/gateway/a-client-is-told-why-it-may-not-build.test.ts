import { once } from "node:events";
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import type { PartingWords } from "../../agent/core/parting-words.ts";
import { frame, PREFACE, TYPE } from "../../agent/gateway/http2/frames.ts";
import { Partings } from "../../agent/gateway/partings.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { BEGIN, CONTROL, PlainClient } from "./http2/plain-client.ts";
import { grantFor, Rig } from "./rig.ts";

/** Far more than any answer here takes. */
const PATIENCE_MS = 10_000;
const MOST_AT_ONCE = 64;

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.start({ calls: "judged" });
});
afterEach(() => rig[Symbol.asyncDispose]());

/** One call, as a client of gRPC makes it. */
async function ask({ chainPem, keyPem }: CertificateWithKey): Promise<Pick<ServiceError, "code" | "details">> {
  const [ca, key, chain] = [rig.ca.certPem, keyPem, chainPem].map((pem) => Buffer.from(pem));
  const client = new Client(`localhost:${rig.port}`, credentials.createSsl(ca, key, chain));
  try {
    return await new Promise((resolve, reject) => {
      const same = (bytes: Buffer): Buffer => bytes;
      const path = `${CONTROL}ListWorkers`;
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), { deadline: Date.now() + PATIENCE_MS }, (failure) =>
        failure === null ? reject(new Error("it was let in")) : resolve(failure),
      );
    });
  } finally {
    client.close();
  }
}

const call = (): Buffer => Buffer.concat([BEGIN, new PlainClient().head(`${CONTROL}ListWorkers`)]);

/** One call of a client whose connection carries what is written, and nothing more. */
function visit(partings: Partings, words: PartingWords, asker: string, nowMs: number) {
  const raw = new Socket();
  const client = new TLSSocket(raw);
  const said: Buffer[] = [];
  client.write = (bytes: Uint8Array | string) => said.push(Buffer.from(bytes)) > 0;
  partings.begin({ raw, client }, words, asker, nowMs);
  client.emit("data", call());
  const status = /grpc-status.(\d+)/s.exec(Buffer.concat(said).toString("latin1"))?.[1];
  return { raw, status: Number(status) };
}

const closed = (how: "ended" | "revoked" | "kept-out"): Partial<AllowSet> => ({ closed: new Map([["b1", how]]) });
const open: Partial<AllowSet> = { grants: new Map([["b1", grantFor("b1")]]) };

it.each([
  { when: "its machine drains", orders: closed("kept-out"), code: status.FAILED_PRECONDITION, says: /about to end/ },
  { when: "its build is over", orders: closed("ended"), code: status.FAILED_PRECONDITION, says: /is over on this/ },
  { when: "its build was revoked", orders: closed("revoked"), code: status.FAILED_PRECONDITION, says: /was revoked/ },
  { when: "its build was never here", orders: {}, code: status.FAILED_PRECONDITION, says: /no build is open/ },
  {
    when: "its grant names another key",
    orders: { grants: new Map([["b1", grantFor("b1", { keySpkiSha256: "0".repeat(64) })]]) },
    code: status.FAILED_PRECONDITION,
    says: /no build is open/,
  },
  {
    when: "its grant has expired",
    orders: { grants: new Map([["b1", grantFor("b1", { expiresAtMs: Date.UTC(2020, 1, 1) })]]) },
    code: status.FAILED_PRECONDITION,
    says: /expired at 2020-02-01T00:00:00\.000Z/,
  },
  {
    when: "the disk is full",
    orders: { ...open, admission: { at: "closed", because: "disk: 198 of 1400 MiB free, 10 % wanted" } },
    code: status.UNAVAILABLE,
    says: /lets no build in now: disk: 198 of 1400 MiB free, 10 % wanted$/,
  },
  {
    when: "the control plane is silent",
    orders: { ...open, confirmedAt: { wallMs: 0, monoMs: -1e9 } },
    code: status.UNAVAILABLE,
    says: /has not heard from its control plane/,
  },
] as const)(
  "a client with a good certificate hears why it is not let in when $when",
  async ({ orders, code, says }) => {
    const certificate = await rig.issue("b1");
    await rig.allow(orders);
    expect(await ask(certificate)).toMatchObject({ code, details: expect.stringMatching(says) as unknown });
    expect(rig.far.connections.all).toEqual([]);
  },
);

it("hears that its build opens connections too quickly", async () => {
  await rig[Symbol.asyncDispose]();
  rig = await Rig.start({ calls: "judged", limits: { maxSessionsPerBuildPerMinute: 0 } });
  expect(await ask(await rig.open())).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
});

it("hears the same however long it asks, where to ask again in a minute can help", async () => {
  const partings = new Partings();
  const words = { status: "resource-exhausted", message: "in a minute" } as const;
  for (const nowMs of [0, 4_000, 8_000, 12_000]) {
    expect(visit(partings, words, "b1", nowMs).status).toBe(status.RESOURCE_EXHAUSTED);
  }
  partings.close();
});

it("whoever asked first is forgotten first, where 256 others have asked since", async () => {
  const partings = new Partings();
  const words = { status: "unavailable", message: "not now" } as const;
  const hears = async (asker: string, nowMs: number): Promise<number> => {
    const { raw, status: heard } = visit(partings, words, asker, nowMs);
    const gone = once(raw, "close");
    raw.destroy();
    await gone;
    return heard;
  };
  for (let nowMs = 0; nowMs <= 8_000; nowMs += 4_000) await hears("first", nowMs);
  for (let other = 0; other < 256; other += 1) await hears(`other ${other}`, 9_000);
  expect(await hears("first", 12_000)).toBe(status.UNAVAILABLE);
});

it("hears after ten seconds of asking that it is of no use to ask again, and another client does not", async () => {
  await rig[Symbol.asyncDispose]();
  const [real, late] = [systemClock(), { ms: 0 }];
  const now = () => ({ wallMs: real.now().wallMs + late.ms, monoMs: real.now().monoMs + late.ms });
  rig = await Rig.start({ calls: "judged", clock: { ...real, now } });
  const [certificate, other] = [await rig.issue("b1"), await rig.issue("b2")];
  const grants = new Map(["b1", "b2"].map((id) => [id, grantFor(id)]));
  await rig.allow({ grants, admission: { at: "closed", because: "disk: full" } });
  const codes: number[] = [];
  for (late.ms = 0; late.ms <= 12_000; late.ms += 4_000) codes.push((await ask(certificate)).code);
  expect(codes).toEqual([status.UNAVAILABLE, status.UNAVAILABLE, status.UNAVAILABLE, status.FAILED_PRECONDITION]);
  expect((await ask(other)).code).toBe(status.UNAVAILABLE);
  late.ms += 6_000;
  expect((await ask(certificate)).code).toBe(status.UNAVAILABLE);
});

describe("of what is said", () => {
  let certificate: CertificateWithKey;
  beforeEach(async () => {
    certificate = await rig.issue("b1");
    await rig.allow(closed("ended"));
  });
  /** What came, and how long it took from the handshake until the end. */
  const untilGone = async (socket: TLSSocket, first: Buffer) => {
    let begunMs = performance.now();
    // A busy machine takes its time for that, and there is no limit of ours to it.
    socket.once("secureConnect", () => (begunMs = performance.now()));
    const got: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => got.push(bytes));
    // A reset comes as an error before it.
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.write(first);
    await gone;
    return { bytes: Buffer.concat(got).length, tookMs: performance.now() - begunMs };
  };
  it("a stranger hears not one byte", async () => {
    const other = await CertificateAuthority.create({ name: "build CA" });
    const stranger = await other.issue({ name: "b1", uriSans: ["spiffe://builds.test/org/o/project/p/build/b1"] });
    expect(await untilGone(rig.connect(stranger), call())).toMatchObject({ bytes: 0 });
    expect(await untilGone(rig.connect(), call())).toMatchObject({ bytes: 0 });
  });

  it.each([
    { who: "speaks no HTTP/2", first: Buffer.from("GET / HTTP/1.1\r\n") },
    { who: "breaks the rules of HTTP/2", first: Buffer.concat([PREFACE, frame(TYPE.push, 0, 1, Buffer.alloc(4))]) },
  ])("whoever $who hears nothing and is gone before its time", async ({ first }) => {
    const { bytes, tookMs } = await untilGone(rig.connect(certificate), first);
    expect(bytes).toBe(0);
    expect(tookMs).toBeLessThan(1_500);
  });

  it("whoever has heard it and leaves is not kept", async () => {
    const socket = rig.connect(certificate);
    socket.once("data", () => socket.end());
    expect((await untilGone(socket, call())).tookMs).toBeLessThan(1_500);
  });

  it("whoever says too much is gone before its time", async () => {
    const much = Array.from({ length: 3 }, () => frame(TYPE.data, 0, 1, Buffer.alloc(16_000)));
    const { tookMs } = await untilGone(rig.connect(certificate), Buffer.concat([call(), ...much]));
    expect(tookMs).toBeLessThan(1_500);
  });

  it("whoever stays is sent away after two seconds, and the gateway can end before that", async () => {
    const { bytes, tookMs } = await untilGone(rig.connect(certificate), call());
    expect(bytes).toBeGreaterThan(0);
    expect(tookMs).toBeGreaterThan(1_500);
    const staying = rig.connect(certificate);
    staying.write(call());
    await once(staying, "data");
    const begunMs = performance.now();
    await rig.stop();
    expect(performance.now() - begunMs).toBeLessThan(1_500);
  });

  it("only so many are told at a time, and when one has gone there is room for another", async () => {
    const partings = new Partings();
    const arrive = () => {
      const raw = new Socket();
      const words = { status: "unavailable", message: "x" } as const;
      return { raw, isTold: partings.begin({ raw, client: new TLSSocket(raw) }, words, "b1", 0) };
    };
    const all = Array.from({ length: MOST_AT_ONCE + 1 }, arrive);
    expect(all.map(({ isTold }) => isTold)).toEqual([...Array.from({ length: MOST_AT_ONCE }, () => true), false]);
    const [first] = all;
    const gone = once(first?.raw ?? new Socket(), "close");
    first?.raw.destroy();
    await gone;
    expect([arrive().isTold, arrive().isTold]).toEqual([true, false]);
    partings.close();
    expect(all.slice(0, MOST_AT_ONCE).every(({ raw }) => raw.destroyed)).toBe(true);
  });

  it("a message of the client's is no reason to say more than once what its call is answered", async () => {
    const client = new PlainClient();
    const asked = [
      BEGIN,
      client.head(`${CONTROL}Session`),
      client.data(Buffer.alloc(5), 0),
      client.data(Buffer.alloc(5)),
    ];
    const only = await untilGone(rig.connect(certificate), call());
    const withData = await untilGone(rig.connect(certificate), Buffer.concat(asked));
    expect(withData.bytes).toBe(only.bytes);
  });
});
