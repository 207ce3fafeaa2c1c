import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";

/**
 * Two authorities, as in life: one for who serves, one for who builds. ECDSA P-256, the same files
 * for every subject.
 */
export interface Credentials {
  readonly serverName: string;
  readonly serving: CertificateAuthority;
  /** PEM of the authority that the client trusts. */
  readonly servingCaFile: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  /** Certificate and key in one, as HAProxy wants them. */
  readonly serverBothFile: string;
  readonly buildCaPem: string;
  /** PEM of the authority that servers trust for clients. */
  readonly buildCaFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  readonly build: { readonly trustDomain: string; readonly org: string; readonly project: string; readonly id: string };
}

const SERVER_NAME = "builder.bench.test";
const BUILD = { trustDomain: "bench.test", org: "acme", project: "app", id: "bench-1" };

/** Writes all of it below `folder`. */
export async function makeCredentials(folder: string): Promise<Credentials> {
  const serving = await CertificateAuthority.create({ name: "bench serving CA" });
  const builds = await CertificateAuthority.create({ name: "bench build CA" });
  const server = await serving.issue({
    name: SERVER_NAME,
    dnsSans: [SERVER_NAME],
    extendedKeyUsage: [SERVER_AUTH],
  });
  const client = await builds.issue({
    name: BUILD.id,
    uriSans: [`spiffe://${BUILD.trustDomain}/org/${BUILD.org}/project/${BUILD.project}/build/${BUILD.id}`],
    extendedKeyUsage: [CLIENT_AUTH],
  });
  const write = async (name: string, pem: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, pem, { mode: 0o600 });
    return file;
  };
  return {
    serverName: SERVER_NAME,
    serving,
    servingCaFile: await write("serving-ca.pem", serving.certPem),
    serverCertFile: await write("server.pem", server.chainPem),
    serverKeyFile: await write("server-key.pem", server.keyPem),
    serverBothFile: await write("server-both.pem", server.chainPem + server.keyPem),
    buildCaPem: builds.certPem,
    buildCaFile: await write("build-ca.pem", builds.certPem),
    clientCertFile: await write("client.pem", client.chainPem),
    clientKeyFile: await write("client-key.pem", client.keyPem),
    build: BUILD,
  };
}
