import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import { gatewayEnvironment, OPENSSL_WITHOUT_TICKETS } from "../../agent/cli/gateway-environment.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { AgentProcess } from "../cli/agent-process.ts";

/** A process that speaks TLS as the gateway does, and greets whoever comes. */
const SERVER = `
  import { createServer } from "node:tls";
  const { tlsOptions } = await import(process.env.OPTIONS);
  const { KEY, CERT, CA } = process.env;
  const serving = { key: { pem: { reveal: () => KEY } }, chainPem: CERT };
  const server = createServer(tlsOptions(serving, [{ pem: CA }]), (socket) => socket.end("hello"));
  server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ event: "listens", port: server.address().port })));
`;

it.each([
  { how: "as its process is configured", isConfigured: true, tickets: 0 },
  { how: "where that file is missing", isConfigured: false, tickets: 2 },
])("the gateway's TLS sends $tickets session tickets $how", async ({ isConfigured, tickets }) => {
  const dir = await mkdtemp(join(tmpdir(), "tickets-"));
  try {
    const opensslConf = join(dir, "openssl.cnf");
    if (isConfigured) await writeFile(opensslConf, OPENSSL_WITHOUT_TICKETS);
    const ca = await CertificateAuthority.create({ name: "Test CA" });
    const own = await ca.issue({ dnsSans: ["localhost"], extendedKeyUsage: [SERVER_AUTH] });
    await using server = AgentProcess.startNode(["--input-type=module", "--eval", SERVER], {
      ...gatewayEnvironment(opensslConf),
      OPTIONS: new URL("../../dist/agent/gateway/tls-options.js", import.meta.url).href,
      KEY: own.keyPem,
      CERT: own.chainPem,
      CA: ca.certPem,
    });
    const { port } = await server.logged("listens");
    const client = connect({ host: "127.0.0.1", port: Number(port), ca: ca.certPem, servername: "localhost" });
    let sent = 0;
    client.on("session", () => (sent += 1));
    const greeting = await text(client);
    expect({ greeting, sent }).toEqual({ greeting: "hello", sent: tickets });
  } finally {
    await rm(dir, { recursive: true });
  }
});
