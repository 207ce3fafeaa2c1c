import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { nodePeerReader } from "../../agent/adapters/x509/peer-reader.ts";
import { Secret } from "../../agent/core/secret.ts";
import { type Judgement, Policy } from "../../agent/gateway/policy.ts";
import { presentedBy } from "../../agent/gateway/presented.ts";
import { tlsOptions } from "../../agent/gateway/tls-options.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { grantFor, Rig, TRUST_DOMAIN } from "./rig.ts";
import { answers, visit } from "./visit.ts";

const UNREAD = () => ({ records: Buffer.of(), suite: "", secret: Buffer.of() });

/** What a server hands out after a handshake, for use in the next one. */
async function savedSession(socket: TLSSocket): Promise<Buffer> {
  const saved = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  expect(await answers(socket)).toBe(true);
  const session = await saved;
  socket.destroy();
  return session;
}

it("resumes nothing that it handed out: a full handshake, and a full judgement, each time", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  const session = await savedSession(rig.connect(certificate));

  const again = rig.connect(certificate, { session });
  expect(await answers(again)).toBe(true);
  expect(again.isSessionReused()).toBe(false);
  again.destroy();

  expect(await visit(rig, rig.connect(undefined, { session }))).toMatchObject({
    served: false,
    reason: "no-certificate",
  });
  await rig.allow({ grants: rig.grantsWithout("b1"), closed: new Map([["b1", "ended"]]) });
  expect(await visit(rig, rig.connect(certificate, { session }))).toMatchObject({
    served: false,
    reason: "build-ended",
  });
});

it("refuses a resumed session even if OpenSSL should ever grant one", async () => {
  await using rig = await Rig.start();
  const client = await rig.issue("b1");
  const policy = new Policy(nodePeerReader(), rig.log);
  policy.take({
    revision: 1n,
    epoch: "epoch",
    trustDomain: TRUST_DOMAIN,
    buildCas: [rig.ca.certPem],
    grants: new Map([["b1", grantFor("b1")]]),
    closed: new Map(),
    admission: { at: "open" },
    confirmedAt: rig.clock.now(),
  });
  const own = await rig.ca.issue({ dnsSans: ["localhost"], extendedKeyUsage: [SERVER_AUTH] });
  const key = {
    spkiDer: own.key.spkiDer,
    spkiSha256: own.spkiSha256,
    pem: new Secret(own.keyPem),
    request: () => Promise.reject(new Error("unused")),
  };
  const judgements: Judgement[] = [];
  // The gateway's own options, but for the one that forbids tickets.
  const server = createServer(
    { ...tlsOptions({ key, chainPem: own.chainPem, notAfterMs: Infinity }, policy.cas), secureOptions: 0 },
    (socket) => {
      socket.on("error", () => undefined);
      judgements.push(
        policy.judge(
          presentedBy({ socket, flight: UNREAD, cas: policy.cas }, nodePeerReader(), rig.clock.now()),
          policy.cas,
          rig.clock.now(),
        ),
      );
      socket.pipe(socket);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const session = await savedSession(rig.connect(client, { port }));
  const resumed = rig.connect(client, { port, session });
  expect(await answers(resumed)).toBe(true);
  expect(resumed.isSessionReused()).toBe(true);
  expect(judgements).toMatchObject([{ admitted: true }, { admitted: false, refusal: "session-resumed" }]);
  resumed.destroy();
  await new Promise((resolve) => server.close(resolve));
});
