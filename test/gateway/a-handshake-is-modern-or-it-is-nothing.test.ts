import { spawn } from "node:child_process";
import { connect as connectPlain, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { Rig } from "./rig.ts";
import { answers, visit } from "./visit.ts";

let rig: Rig;
let certificate: CertificateWithKey;

beforeAll(async () => {
  rig = await Rig.start();
  certificate = await rig.open();
});
afterAll(() => rig[Symbol.asyncDispose]());

describe("what clients offer", () => {
  it.each([
    { offers: "no ALPN", options: {}, outcome: { served: true, alpn: false } },
    { offers: "h2", options: { ALPNProtocols: ["h2"] }, outcome: { served: true, alpn: "h2" } },
    {
      offers: "h2 among others",
      options: { ALPNProtocols: ["http/1.1", "h2"] },
      outcome: { served: true, alpn: "h2" },
    },
    {
      offers: "only other protocols",
      options: { ALPNProtocols: ["http/1.1"] },
      outcome: { served: false, reason: "no-common-alpn" },
    },
    {
      offers: "TLS 1.2",
      options: { maxVersion: "TLSv1.2" as const },
      outcome: { served: false, reason: "protocol-too-old" },
    },
    {
      offers: "no server name",
      options: { servername: "", checkServerIdentity: () => undefined },
      outcome: { served: true },
    },
  ])("$offers → $outcome", async ({ options, outcome }) => {
    expect(await visit(rig, rig.connect(certificate, options))).toMatchObject(outcome);
  });

  it("prefers AES-128-GCM, whatever order the client has", async () => {
    const socket = rig.connect(certificate, {
      ciphers: "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    expect(socket.getCipher().standardName).toBe("TLS_AES_128_GCM_SHA256");
    socket.destroy();
  });

  it.each([
    { what: "plain HTTP", bytes: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", reason: "not-tls" },
    { what: "noise", bytes: "\u0000\u0001\u0002 nothing that TLS could be", reason: "not-tls" },
  ])("$what is turned away as $reason", async ({ bytes, reason }) => {
    const socket = connectPlain(rig.port, "127.0.0.1").on("error", () => undefined);
    const refusal = refusalOf(socket);
    socket.write(bytes);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(await refusal).toMatchObject({ reason });
  });

  it.each([
    { when: "in the middle of its hello", sent: Buffer.from([22, 3, 1]), reason: "handshake-abandoned" },
    { when: "without a word, as a load balancer's probe does", sent: Buffer.of(), reason: "tcp-probe" },
  ])("tells of a client that left $when", async ({ sent, reason }) => {
    const socket = connectPlain(rig.port, "127.0.0.1").on("error", () => undefined);
    const refusal = refusalOf(socket);
    socket.once("connect", () => socket.end(sent));
    expect(await refusal).toMatchObject({ reason });
  });

  it("tells of a client that does not take our certificate: it says so, and a scanner does not", async () => {
    const refusal = rig.log.first(
      ({ event, data }) => event === "session.refused" && data["reason"] === "serving-certificate-not-trusted",
    );
    const args = ["s_client", "-connect", `127.0.0.1:${rig.port}`, "-verify_return_error"];
    spawn("openssl", args, { stdio: "ignore", timeout: 10_000 });
    expect(await refusal).toMatchObject({ data: { detail: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA" } });
  });

  it("tells of a client that left after its hello", async () => {
    const socket = rig.connect(certificate);
    const refusal = refusalOf(socket);
    // The gateway's answer: the handshake goes no further.
    socket.once("keylog", () => socket.destroy());
    expect(await refusal).toMatchObject({ reason: "handshake-abandoned" });
  });

  it.each([
    { group: "one that every client has", ecdhCurve: "P-256" },
    { group: "the strongest", ecdhCurve: "P-521" },
    // The client says hello twice: its first one has a share of X448 only.
    { group: "one of ours after one that is not", ecdhCurve: "X448:P-256" },
  ])("exchanges keys in $group", async ({ ecdhCurve }) => {
    const visits = Array.from({ length: 3 }, () => visit(rig, rig.connect(certificate, { ecdhCurve })));
    for (const outcome of await Promise.all(visits)) expect(outcome).toMatchObject({ served: true });
  });

  it("spends no time on a costly group", async () => {
    expect(await visit(rig, rig.connect(certificate, { ecdhCurve: "ffdhe8192" }))).toMatchObject({
      served: false,
      reason: "handshake-failed",
    });
  });

  it("takes a hello in pieces", async () => {
    const wire = connectPlain(rig.port, "127.0.0.1");
    const client = rig.connect(certificate, { socket: inPieces(wire) });
    expect(await answers(client)).toBe(true);
    wire.destroy();
  });

  it("refuses a client that sends more than a handshake needs", async () => {
    const socket = rig.connect({ ...certificate, chainPem: certificate.chainPem.repeat(30) });
    expect(await visit(rig, socket)).toMatchObject({ served: false, reason: "handshake-too-large" });
  });
});

/** Writes to `wire` three bytes at a time. */
function inPieces(wire: Socket): Duplex {
  wire.setNoDelay(true);
  const client = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      const writeFrom = (at: number): void => {
        if (at >= bytes.length) done();
        else wire.write(bytes.subarray(at, at + 3), () => setImmediate(writeFrom, at + 3));
      };
      writeFrom(0);
    },
  });
  wire.on("data", (bytes) => client.push(bytes));
  return client;
}

async function refusalOf(socket: Socket): Promise<unknown> {
  const port = await new Promise<number | undefined>((resolve) =>
    socket.once("connect", () => resolve(socket.localPort)),
  );
  const line = await rig.log.first(
    ({ event, data }) => event === "session.refused" && String(data["peer"]).endsWith(`:${port}`),
  );
  return line.data;
}
