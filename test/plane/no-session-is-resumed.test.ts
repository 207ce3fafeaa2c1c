import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { APP, dial, FOREVER, join } from "./member.ts";
import { TokenFile } from "./token-file.ts";

const NAME = "plane.example";

it("an agent that is offered to resume a session verifies the control plane's certificate anew", async () => {
  const [old, fresh] = await Promise.all(["old", "fresh"].map((name) => CertificateAuthority.create({ name })));
  const profile = { dnsSans: [NAME], extendedKeyUsage: [SERVER_AUTH] };
  const { certPem: cert, keyPem: key } = await old!.issue(profile);
  const resumed: boolean[] = [];
  const server = createSecureServer({ cert, key }, (_, response) => void response.writeHead(404).end());
  server.on("secureConnection", (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await using client = dial({ endpoint, caPem: old!.certPem, serverName: NAME });
    // Each failed call is followed by another connection.
    for (let at = 0; at < 3; at += 1) await client.getChallenge(FOREVER).catch(() => undefined);
    expect(resumed).toEqual([false, false, false]);
    // Its bundle has changed: the tickets that it was given are worth nothing.
    await using later = dial({ endpoint, caPem: fresh!.certPem, serverName: NAME });
    await expect(later.getChallenge(FOREVER)).rejects.toMatchObject({
      message: expect.stringMatching(/did not answer GetChallenge: .*certificate/) as string,
    });
  } finally {
    server.close();
  }
});

it("a machine whose CA was withdrawn resumes no session with the sandbox's control plane", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  const identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
  const options = {
    ...{ host: "127.0.0.1", port: plane.transport.port, servername: plane.serverName, ca: plane.caPem },
    ...{ cert: identity.chainPem, key: identity.key.pem.reveal(), ALPNProtocols: ["h2"] },
  };
  const tickets: Buffer[] = [];
  /** Whether an earlier session is taken up. Tickets come before the first byte. */
  const isResumed = async (session?: Buffer): Promise<boolean> => {
    const socket = connect({ ...options, ...(session && { session }) });
    socket.on("session", (ticket: Buffer) => void tickets.push(ticket)).on("error", () => undefined);
    await once(socket, "secureConnect");
    const isReused = socket.isSessionReused();
    await Promise.race([once(socket, "data"), once(socket, "close")]);
    socket.destroy();
    return isReused;
  };
  expect(await isResumed()).toBe(false);
  expect(await isResumed(tickets.at(-1))).toBe(false);
  const { certPem, keyPem } = await plane.authorities.ownCertificate();
  const fresh = await CertificateAuthority.create({ name: "machines, next" });
  plane.transport.present({ certPem, keyPem, clientCaPem: fresh.certPem });
  expect(await isResumed(tickets.at(-1))).toBe(false);
  await expect(async () => {
    await using anew = dial(plane);
    await anew.renew(identity, {}, FOREVER);
  }).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
});
