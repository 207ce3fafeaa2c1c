import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../agent/adapters/clock/system-clock.ts";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import { frame, PREFACE, TYPE } from "../../agent/gateway/http2/frames.ts";
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
  /** What came, and how long it took until the end. */
  const untilGone = async (socket: TLSSocket, first: Buffer) => {
    const begunMs = performance.now();
    const got: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => got.push(bytes));
    // A reset comes as an error before it.
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.write(first);
    await gone;
    return { bytes: Buffer.concat(got).length, tookMs: performance.now() - begunMs };
  };
  const call = (): Buffer => Buffer.concat([BEGIN, new PlainClient().head(`${CONTROL}ListWorkers`)]);

  it("a stranger hears not one byte", async () => {
    const other = await CertificateAuthority.create({ name: "build CA" });
    const stranger = await other.issue({ name: "b1", uriSans: ["spiffe://builds.test/org/o/project/p/build/b1"] });
    expect(await untilGone(rig.connect(stranger), call())).toMatchObject({ bytes: 0 });
    expect(await untilGone(rig.connect(), call())).toMatchObject({ bytes: 0 });
  });

  it.each([
    { who: "speaks no HTTP/2", first: Buffer.from("GET / HTTP/1.1\r\n") },
    { who: "breaks the rules of HTTP/2", first: Buffer.concat([PREFACE, frame(TYPE.push, 0, 1, Buffer.alloc(4))]) },
  ])("whoever $who hears nothing and is gone", async ({ first }) => {
    expect(await untilGone(rig.connect(certificate), first)).toMatchObject({ bytes: 0 });
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

  it("only so many are told at a time: the rest are reset without a word", async () => {
    const staying = Array.from({ length: MOST_AT_ONCE + 1 }, () => rig.connect(certificate));
    const told = staying.map(async (socket) => {
      socket.write(call());
      const gone = new AbortController();
      socket.once("close", () => gone.abort());
      return once(socket, "data", { signal: gone.signal }).then(
        () => true,
        () => false,
      );
    });
    expect((await Promise.all(told)).filter((heard) => heard)).toHaveLength(MOST_AT_ONCE);
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
