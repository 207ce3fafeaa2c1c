import { createSecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { keyMaker } from "../../agent/adapters/keys/key-maker.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { dial, endOf, FOREVER, HELLO } from "./member.ts";

const HOUR_MS = 3_600_000;
const serverName = "plane.example";
const at = (hours: number): Date => new Date(Math.floor(Date.now() / 1_000) * 1_000 + hours * HOUR_MS);
const PROFILE = { name: "plane", dnsSans: [serverName], extendedKeyUsage: [SERVER_AUTH] };

/** A far end that shows this certificate, and counts what is asked of it. */
async function showing({ chainPem: cert, keyPem: key }: CertificateWithKey) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createSecureServer({ cert, key }, (request, response) => {
    asked.push(request.url);
    response.writeHead(404).end();
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    asked,
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a control plane's certificate whose dates this machine's clock does not meet", () => {
  it.each([
    { what: "that has expired", begin: at(-3), end: at(-2) },
    { what: "that is not valid yet", begin: at(2), end: at(26) },
  ])("$what is refused, its dates and our clock are told, and nothing is asked", async ({ begin, end }) => {
    const authority = await CertificateAuthority.create({ name: "planes", notBefore: at(-100) });
    const own = await authority.issue({ ...PROFILE, notBefore: begin, notAfter: end });
    await using far = await showing(own);
    await using client = dial({ ...far, caPem: authority.certPem, serverName });
    const dates = `the certificate of CN=plane is valid from ${begin.toISOString()} to ${end.toISOString()}`;
    const clock = `this machine's clock says ${new Date().toISOString().slice(0, 13)}`;
    const told = { status: "UNAVAILABLE", step: "retry", message: expect.stringContaining(dates) as string };
    const challenge = await client.getChallenge(FOREVER).catch((err: unknown) => err);
    expect(challenge).toMatchObject(told);
    expect(String(challenge)).toContain(clock);
    expect(String(challenge)).toContain("if that is not the time, set the clock right");

    const key = await keyMaker().make();
    const { chainPem } = await authority.certify({ spkiDer: key.spkiDer }, { extendedKeyUsage: [CLIENT_AUTH] });
    const identity: MachineIdentity = { machineId: "m", key, chainPem, notBeforeMs: 0, notAfterMs: 0 };
    const stream = client.attach(identity, HELLO, FOREVER);
    expect(await endOf(stream)).toMatchObject(told);
    await expect(stream.send({ is: "records", bootId: "b", records: [] })).rejects.toMatchObject(told);
    expect(far.asked).toEqual([]);
  });

  it("is told by the CA, where that is what has expired", async () => {
    const authority = await CertificateAuthority.create({ name: "old CA", notBefore: at(-100), notAfter: at(-1) });
    await using far = await showing(await authority.issue(PROFILE));
    await using client = dial({ ...far, caPem: authority.certPem, serverName });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      message: expect.stringContaining(`the certificate of CN=old CA is valid from`) as string,
    });
  });

  it("is somebody else's where no pinned CA signed it, and then no clock is blamed", async () => {
    const [authority, another] = await Promise.all(
      ["planes", "another"].map((name) => CertificateAuthority.create({ name, notBefore: at(-100) })),
    );
    await using far = await showing(await another!.issue({ ...PROFILE, notBefore: at(-3), notAfter: at(-2) }));
    await using client = dial({ ...far, caPem: authority!.certPem, serverName });
    const failure = await client.getChallenge(FOREVER).catch((err: unknown) => err);
    expect(String(failure)).toContain("no pinned CA has signed it");
    expect(String(failure)).not.toContain("clock");
  });
});
