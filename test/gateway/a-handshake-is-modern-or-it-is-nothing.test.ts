import { connect as connectPlain, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { Rig } from "./rig.ts";
import { visit } from "./visit.ts";

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

  it("tells of a client that left during its handshake", async () => {
    const socket = connectPlain(rig.port, "127.0.0.1").on("error", () => undefined);
    const refusal = refusalOf(socket);
    socket.once("connect", () => socket.destroy());
    expect(await refusal).toMatchObject({ reason: "handshake-abandoned" });
  });
});

async function refusalOf(socket: Socket): Promise<unknown> {
  const port = await new Promise<number | undefined>((resolve) =>
    socket.once("connect", () => resolve(socket.localPort)),
  );
  const line = await rig.log.first(
    ({ event, data }) => event === "session.refused" && String(data["peer"]).endsWith(`:${port}`),
  );
  return line.data;
}
