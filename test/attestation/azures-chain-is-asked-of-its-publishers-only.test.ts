import { once } from "node:events";
import { createServer } from "node:http";
import { expect, it } from "vitest";
import { certificatesIn } from "../../agent/adapters/evidence/azure/certificates-in.ts";
import { chainAbove } from "../../agent/adapters/evidence/azure/chain-above.ts";
import { azureEvidence } from "../../agent/adapters/evidence/azure-evidence.ts";
import { Budget } from "../../agent/adapters/evidence/metadata/budget.ts";
import { azure } from "../../sandbox/metadata/azure.ts";
import { azureChain } from "../../sandbox/metadata/azure-chain.ts";
import { certify, type Holder } from "../../sandbox/metadata/document-authority.ts";
import type { MetadataFault } from "../../sandbox/metadata/faults.ts";
import { MetadataServer } from "../../sandbox/metadata/metadata-server.ts";
import { signAsAzure } from "../../sandbox/metadata/sign-document.ts";
import { CHALLENGE, FOREVER, KEY } from "../evidence/stage/challenge.ts";
import { CollectedLog } from "../keys/collected-log.ts";

const chain = await azureChain();

/** What is above this signer's certificate, as the agent finds it. */
async function above(
  signer: Holder,
  azureCertificatesUrl?: string,
): Promise<{ found: readonly Uint8Array[]; log: CollectedLog }> {
  using budget = new Budget({}, FOREVER);
  const log = new CollectedLog();
  return { found: await chainAbove(signAsAzure("{}", signer), { azureCertificatesUrl, log }, budget), log };
}

it("sends what is between the signer and the root, and not the root", async () => {
  await using certificates = await MetadataServer.listen({ replier: chain.replier });
  const { found, log } = await above(chain.signer, certificates.url);
  expect(found).toHaveLength(2);
  expect(certificates.requests().map(({ path }) => path)).toEqual([
    "/pkiops/certs/Sandbox%20TLS%20RSA%20CA%2001%20-%20xsign.crt",
    "/pkiops/certs/Sandbox%20TLS%20RSA%20Root%20G2%20-%20xsign.crt",
  ]);
  expect(log.lines).toEqual([]);
});

it("asks nobody where it is told so", async () => {
  expect(await above(chain.signer, "none")).toMatchObject({ found: [] });
});

it.each<MetadataFault>([
  { kind: "hang" },
  { kind: "reset" },
  { kind: "page" },
  { kind: "noise" },
  { kind: "flood" },
  { kind: "truncated" },
  { kind: "halved" },
  { kind: "redirect", to: "http://127.0.0.1:1/" },
  { kind: "status", status: 500 },
  { kind: "status", status: 401 },
  { kind: "type", type: "image/png" },
  { kind: "drip", everyMs: 1_000 },
])("sends the document alone when its publisher fails ($kind), and within its time", async (fault) => {
  await using certificates = await MetadataServer.listen({ replier: chain.replier });
  await using metadata = await MetadataServer.listen({
    replier: azure({ vmId: "vm", subscriptionId: "s", signer: chain.signer }),
  });
  certificates.faults.set("*", fault);
  const places = { azureMetadataUrl: metadata.url, azureCertificatesUrl: certificates.url };
  const beganMs = performance.now();
  const evidence = await azureEvidence(places).gather(CHALLENGE, KEY, FOREVER);
  expect(performance.now() - beganMs).toBeLessThan(5_000);
  expect(evidence).toMatchObject({ kind: "azure", intermediates: [] });
});

it("says in its log why there is nothing above, and nothing of the document", async () => {
  await using certificates = await MetadataServer.listen({ replier: chain.replier });
  certificates.faults.set("*", { kind: "status", status: 429 });
  const { log } = await above(chain.signer, certificates.url);
  const [line] = log.lines;
  expect(log.lines).toHaveLength(1);
  expect(line).toMatchObject({ level: "warn", event: "identity.azure-chain-not-had" });
  expect(String(line?.data["because"])).toMatch(
    /^Microsoft's certificate server \(GET .*\) is asked too often \(429\)/,
  );
});

it("stops when the agent is told to stop, and that is no missing chain", async () => {
  await using certificates = await MetadataServer.listen({ replier: chain.replier });
  await using metadata = await MetadataServer.listen({
    replier: azure({ vmId: "vm", subscriptionId: "s", signer: chain.signer }),
  });
  certificates.faults.set("*", { kind: "hang" });
  const stop = new AbortController();
  const reason = new Error("told to stop");
  const places = { azureMetadataUrl: metadata.url, azureCertificatesUrl: certificates.url };
  const gathering = azureEvidence(places).gather(CHALLENGE, KEY, stop.signal);
  setTimeout(() => stop.abort(reason), 200);
  await expect(gathering).rejects.toBe(reason);
});

it.each([
  ["has its issuer's name, and another key", "Sandbox TLS RSA CA 01"],
  ["has another name", "Sandbox TLS RSA CA 02"],
])("takes no certificate that %s", async (_what, name) => {
  const elsewhere = await certify({ name: "Elsewhere", key: "P-384", isCa: true });
  const impostor = await certify({ name, key: "P-384", isCa: true, issuer: elsewhere });
  await using certificates = await MetadataServer.listen({
    replier: () => ({ status: 200, type: "application/octet-stream", body: impostor.certificateDer }),
  });
  expect((await above(chain.signer, certificates.url)).found).toEqual([]);
  expect(certificates.requests()).toHaveLength(1);
});

it("leaves the root out, which is the control plane's to have", async () => {
  const root = await certify({ name: "Root", key: "P-384", isCa: true });
  const caIssuers = "http://cacerts.digicert.com/Root.crt";
  const signer = await certify({ name: "signer", key: "RSA", issuer: root, caIssuers });
  await using certificates = await MetadataServer.listen({
    replier: () => ({ status: 200, type: "application/pkix-cert", body: root.certificateDer }),
  });
  expect((await above(signer, certificates.url)).found).toEqual([]);
  expect(certificates.requests().map(({ path }) => path)).toEqual(["/Root.crt"]);
});

it("goes three steps up and no further", async () => {
  const hosts = (index: number): string => `http://www.microsoft.com/pkiops/certs/${index}.crt`;
  let issuer = await certify({ name: "CA 0", key: "P-384", isCa: true });
  const published = new Map<string, Uint8Array>();
  for (let index = 1; index < 8; index += 1) {
    issuer = await certify({ name: `CA ${index}`, key: "P-384", isCa: true, issuer, caIssuers: hosts(index - 1) });
    published.set(new URL(hosts(index)).pathname, issuer.certificateDer);
  }
  const signer = await certify({ name: "signer", key: "RSA", issuer, caIssuers: hosts(7) });
  await using certificates = await MetadataServer.listen({
    replier: ({ path }) => ({ status: 200, type: "", body: published.get(path) ?? "" }),
  });
  expect((await above(signer, certificates.url)).found).toHaveLength(3);
  expect(certificates.requests()).toHaveLength(3);
});

it("asks nobody that a document names beside its publishers", async () => {
  let connections = 0;
  const listener = createServer((_request, response) => response.end());
  listener.on("connection", () => (connections += 1));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const at = typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "";
  const issuer = await certify({ name: "CA", key: "P-384", isCa: true });
  const named = [
    `http://${at}/pkiops/certs/a.crt`,
    `http://www.microsoft.com@${at}/pkiops/certs/a.crt`,
    `http://www.microsoft.com:pkiops@${at}/pkiops/certs/a.crt`,
    `http://www.microsoft.com.127.0.0.1.nip.io/pkiops/certs/a.crt`,
    `http://www.microsoft.com:${at.split(":")[1]}/pkiops/certs/a.crt`,
    "http://www.microsoft.com/pkiops/certs/../../a.crt",
    "http://www.microsoft.com/pkiops/certs/a.crt?at=here",
    "http://www.microsoft.com/elsewhere/a.crt",
    "http://169.254.169.254/pkiops/certs/a.crt",
    "http://localhost/pkiops/certs/a.crt",
    "file:///pkiops/certs/a.crt",
    "ldap://www.microsoft.com/pkiops/certs/a.crt",
    "not a URL",
  ];
  // With a stand-in even a name that was let through would be seen: every question goes there.
  await using standIn = await MetadataServer.listen({ replier: chain.replier });
  for (const caIssuers of named) {
    const signer = await certify({ name: "signer", key: "RSA", issuer, caIssuers });
    expect({ caIssuers, ...(await above(signer, standIn.url)) }).toMatchObject({ caIssuers, found: [] });
    expect({ caIssuers, ...(await above(signer)) }).toMatchObject({ caIssuers, found: [] });
  }
  expect(standIn.requests()).toEqual([]);
  expect(connections).toBe(0);
  listener.close();
});

it("finds the certificates of a document, and none in what is no document", () => {
  const document = signAsAzure("{}", chain.signer);
  expect(certificatesIn(document).map(({ subject }) => subject)).toEqual(["CN=metadata.azure.com"]);
  for (let length = 0; length < document.length; length += 1) certificatesIn(document.subarray(0, length));
  for (const bytes of [[], [0x30], [0x30, 0x80], [0x30, 0x84, 255, 255, 255, 255], [0x30, 0x85, 1, 1, 1, 1, 1]])
    expect(certificatesIn(Uint8Array.from(bytes))).toEqual([]);
});
