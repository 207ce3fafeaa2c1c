import { createSecureServer } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connectControlPlane } from "../../agent/adapters/grpc/connect-control-plane.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { CertificateAuthority, type CertificateWithKey } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { dial, FOREVER } from "./member.ts";

let plane: EmbeddedControlPlane;
let authority: CertificateAuthority;
let certificate: CertificateWithKey;
beforeAll(async () => {
  plane = await EmbeddedControlPlane.listen();
  authority = await CertificateAuthority.create({ name: "another" });
  certificate = await authority.issue({
    dnsSans: [plane.serverName],
    ipSans: ["127.0.0.1"],
    extendedKeyUsage: [SERVER_AUTH],
  });
});
afterAll(() => plane[Symbol.asyncDispose]());

/** A far end that is not a control plane. */
async function listening(server: Server): Promise<{ endpoint: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    // Listening on a port: the address is that of a socket, not a path.
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A far end that is believed is asked, and answers in no gRPC. */
function answering({ chainPem: cert, keyPem: key }: CertificateWithKey) {
  const server = createSecureServer({ cert, key }, (_request, response) => {
    response.writeHead(404).end();
  });
  return listening(server);
}

describe("a call to the control plane", () => {
  it("reaches the pinned one, by name and by address", async () => {
    await using byName = dial(plane);
    expect((await byName.getChallenge(FOREVER)).nonce.length).toBeGreaterThanOrEqual(16);
    await using byAddress = connectControlPlane({
      endpoint: plane.endpoint,
      caPem: plane.caPem,
      log: new CollectedLog(),
    });
    expect((await byAddress.getChallenge(FOREVER)).nonce.length).toBeGreaterThanOrEqual(16);
  });

  it("goes straight there, whatever proxy the environment names", async () => {
    // Nobody listens on port 1.
    vi.stubEnv("https_proxy", "http://127.0.0.1:1");
    vi.stubEnv("grpc_proxy", "http://127.0.0.1:1");
    await using client = dial(plane);
    await client.getChallenge(FOREVER);
    vi.unstubAllEnvs();
  });

  it("reaches one that is pinned by an intermediate CA, and none of that one's siblings", async () => {
    const issuing = await authority.intermediate({ name: "issuing" });
    const sibling = await authority.intermediate({ name: "sibling" });
    const profile = { dnsSans: [plane.serverName], extendedKeyUsage: [SERVER_AUTH] };
    await using pinned = await answering(await issuing.issue(profile));
    await using another = await answering(await sibling.issue(profile));
    const [caPem, serverName] = [issuing.certPem, plane.serverName];
    await using client = dial({ ...pinned, caPem, serverName });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      message: expect.stringMatching(/HTTP|404/) as string,
    });
    await using misled = dial({ ...another, caPem, serverName });
    await expect(misled.getChallenge(FOREVER)).rejects.toMatchObject({
      message: expect.stringContaining("certificate") as string,
    });
  });

  it("fails, to be tried again, when its certificate is not of the pinned CA", async () => {
    await using client = dial(plane, { caPem: authority.certPem });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      step: "retry",
      message: expect.stringMatching(/certificate/) as string,
    });
  });

  it("fails, to be tried again, when its certificate is for another name", async () => {
    await using client = dial(plane, { serverName: "somebody.else.example" });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      step: "retry",
      message: expect.stringContaining("somebody.else.example") as string,
    });
  });

  it("fails when the far end speaks no TLS 1.3", async () => {
    const { chainPem: cert, keyPem: key } = certificate;
    await using old = await listening(createTlsServer({ cert, key, maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] }));
    await using client = dial({ ...old, caPem: authority.certPem, serverName: plane.serverName });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({ status: "UNAVAILABLE", step: "retry" });
  });

  it.each([
    ["401", "UNAVAILABLE"],
    ["403", "UNAVAILABLE"],
    ["404", "UNAVAILABLE"],
    ["503", "UNAVAILABLE"],
    // grpc-js takes the page's first bytes for the length of a message.
    ["200", "RESOURCE_EXHAUSTED"],
  ])("never ends the agent because a load balancer answered with HTTP %s", async (code, status) => {
    const { chainPem: cert, keyPem: key } = certificate;
    const server = createSecureServer({ cert, key }, (_request, response) => {
      response.writeHead(Number(code), { "content-type": "text/html" }).end("<h1>no</h1>");
    });
    await using balancer = await listening(server);
    await using client = dial({ ...balancer, caPem: authority.certPem, serverName: plane.serverName });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({ status, step: "retry" });
  });

  it("fails at once, and says why, when nobody listens there", async () => {
    const gone = await listening(createTcpServer());
    await gone[Symbol.asyncDispose]();
    await using client = dial({ ...gone, caPem: authority.certPem, serverName: plane.serverName });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      message: expect.stringContaining("did not answer GetChallenge: the connection was refused") as string,
    });
  });

  it("ends by its own deadline when the far end accepts and says nothing", async () => {
    await using hole = await listening(createTcpServer());
    await using client = dial(
      { ...hole, caPem: authority.certPem, serverName: plane.serverName },
      { limits: { unaryMs: 200 } },
    );
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({ status: "DEADLINE_EXCEEDED", step: "retry" });
  });

  it("ends with its signal, with the signal's reason, which is no failure", async () => {
    await using hole = await listening(createTcpServer());
    await using client = dial({ ...hole, caPem: authority.certPem, serverName: plane.serverName });
    const stop = new AbortController();
    const call = client.getChallenge(stop.signal);
    const reason = new Error("told to stop");
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(client.getChallenge(stop.signal)).rejects.toBe(reason);
  });

  it("dials anew at each attempt, so that the agent alone decides how often", async () => {
    const other = await EmbeddedControlPlane.listen();
    await using client = dial(other);
    await client.getChallenge(FOREVER);
    other.transport.stopListening();
    other.transport.cutConnections();
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({ status: "UNAVAILABLE" });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({ status: "UNAVAILABLE" });
    await other.transport.listenAgain();
    expect((await client.getChallenge(FOREVER)).nonce.length).toBeGreaterThanOrEqual(16);
    await client[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });
});

describe("the pinned CA", () => {
  it.each([
    ["is missing", () => ""],
    ["is text", () => "none"],
    ["is a leaf", () => certificate.certPem],
    ["comes with a key", () => authority.certPem + certificate.keyPem],
    ["is broken", () => authority.certPem.replace("MII", "MIA")],
  ])("refuses to start with one that %s: the system's roots are never taken instead", (_name, caPem) => {
    expect(() => dial(plane, { caPem: caPem() })).toThrow("CA file");
  });

  it("may be two: one to come and one to go", async () => {
    await using client = dial(plane, { caPem: authority.certPem + plane.caPem });
    await client.getChallenge(FOREVER);
  });
});
