import { once } from "node:events";
import { connect } from "node:tls";
import { status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { KeyPair } from "../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../sandbox/pki/signing-request.ts";
import { APP, type ClientCertificate, PlainAgent, refusal, registered } from "./plain-agent.ts";

const RENEWAL = { machineCsr: new Uint8Array(), servingCsr: new Uint8Array() };

async function machineUri(plane: EmbeddedControlPlane): Promise<string> {
  using agent = await registered(plane);
  await agent.renew(RENEWAL);
  return `spiffe://${plane.trustDomain}/machine/${plane.machines()[0]?.id}`;
}

it.each<{
  who: string;
  certificate: (plane: EmbeddedControlPlane, uri: string) => Promise<ClientCertificate | undefined>;
}>([
  { who: "somebody without a certificate", certificate: async () => undefined },
  {
    who: "a machine of another authority",
    certificate: async (_, uri) =>
      (await CertificateAuthority.create({ name: "Sandbox CA of machines" })).issue({ uriSans: [uri] }),
  },
  { who: "a build", certificate: (plane, uri) => plane.authorities.builds.issue({ uriSans: [uri] }) },
  {
    who: "a machine whose certificate has expired",
    certificate: (plane, uri) =>
      plane.authorities.machines.issue({ uriSans: [uri], notAfter: new Date(Date.now() - 2_000) }),
  },
  {
    who: "a machine of another trust domain",
    certificate: (plane, uri) => plane.authorities.machines.issue({ uriSans: [uri.replace("builds", "evil")] }),
  },
  {
    who: "a machine with two names",
    certificate: (plane, uri) => plane.authorities.machines.issue({ uriSans: [uri, `${uri}0`] }),
  },
  { who: "a machine with no name", certificate: (plane) => plane.authorities.machines.issue({}) },
  {
    who: "a machine that never registered",
    certificate: (plane, uri) => plane.authorities.machines.issue({ uriSans: [uri.replace(/[^/]+$/, "m-0")] }),
  },
])("refuses to serve $who", async ({ certificate }) => {
  await using plane = await EmbeddedControlPlane.listen();
  const issued = await certificate(plane, await machineUri(plane));
  using caller = new PlainAgent(plane, issued);
  expect((await refusal(caller.renew(RENEWAL))).code).toBe(status.UNAUTHENTICATED);
  const stream = caller.attach();
  stream.hello();
  expect((await stream.ending()).code).toBe(status.UNAUTHENTICATED);
});

it("tells a refused machine so, for good, on its open stream and on each call", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  const stream = agent.attach();
  stream.hello();
  await stream.desired();
  plane.refuseMachine(plane.machines()[0]?.id ?? "");
  const answers = [
    await stream.ending(),
    await refusal(agent.renew(RENEWAL)),
    await agent.attach().ending(),
    await refusal(registered(plane)),
  ];
  for (const { code, metadata } of answers) {
    expect(code).toBe(status.PERMISSION_DENIED);
    expect(metadata.get("builder-agent-refusal")).toEqual(["machine-refused"]);
  }
});

it("renews certificates for the machine that calls, and refuses a bad request", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  using agent = await registered(plane);
  const machineCsr = await makeSigningRequest(await KeyPair.generate(), "x");
  const renewed = await agent.renew({ machineCsr, servingCsr: new Uint8Array() });
  expect(renewed.machineCertificateChain).toContain("BEGIN CERTIFICATE");
  expect(renewed.servingCertificateChain).toBe("");
  const bad = await refusal(agent.renew({ machineCsr: machineCsr.slice(1), servingCsr: new Uint8Array() }));
  expect(bad.code).toBe(status.INVALID_ARGUMENT);
  expect(bad.details).toContain("machine_csr");
});

it("speaks TLS 1.3 only", async () => {
  await using plane = await EmbeddedControlPlane.listen();
  const [host = "", port] = plane.endpoint.split(":");
  const socket = connect({ host, port: Number(port), ca: plane.caPem, maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] });
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/ALERT_PROTOCOL_VERSION/);
});

it("says so when a connection was left open", async () => {
  const plane = await EmbeddedControlPlane.listen({ leakDeadlineMs: 200 });
  plane.issueJoinToken(APP);
  const [host = "", port] = plane.endpoint.split(":");
  const socket = connect({ host, port: Number(port), ca: plane.caPem, ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  await expect(plane[Symbol.asyncDispose]()).rejects.toThrow("1 connection(s)");
});
