import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { oidcUrlEvidence } from "../../agent/adapters/evidence/oidc-url-evidence.ts";
import { signJwt } from "../../sandbox/metadata/sign-jwt.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { AgentProcess, type Ended } from "../cli/agent-process.ts";
import { CHALLENGE, FOREVER, KEY } from "./stage/challenge.ts";
import { Platforms } from "./stage/platforms.ts";
import { refusalOf } from "./stage/refusal.ts";

let platforms: Platforms;
let authority: CertificateAuthority;
beforeAll(async () => {
  platforms = await Platforms.open();
  authority = await CertificateAuthority.create({ name: "nobody's" });
});
afterAll(() => platforms[Symbol.asyncDispose]());

it("no proxy that the environment names is asked, also where Node would ask one by itself", async () => {
  const nobody = "http://127.0.0.1:1";
  const ended = await gatheredBy(
    "gcp-evidence.js",
    "gcpEvidence",
    { gcpMetadataUrl: platforms.gcp.url },
    {
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: nobody,
      http_proxy: nobody,
      HTTPS_PROXY: nobody,
      https_proxy: nobody,
    },
  );
  expect(ended).toEqual({ code: 0, out: "gcp", err: "" });
});

it("nobody is believed to be the token URL by a certificate of an authority that is not trusted", async () => {
  await using server = await tokenServer(["127.0.0.1"]);
  const { message } = await refusalOf(oidcUrlEvidence({ oidcUrl: server.url }).gather(CHALLENGE, KEY, FOREVER));
  expect(message).toMatch(
    /^The token URL \(GET https:\S+\/token\) has no certificate that this machine trusts \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/,
  );
});

it.each([
  ["is asked over TLS by its own certificate", ["127.0.0.1"], { code: 0, err: /^$/ }],
  ["is not believed by that of another", ["127.0.0.2"], { code: 1, err: /\(ERR_TLS_CERT_ALTNAME_INVALID\)/ }],
])("a token URL under an authority that is trusted %s", async (_what, ipSans, end) => {
  await using server = await tokenServer(ipSans);
  const caFile = join(platforms.folder, "ca.pem");
  await writeFile(caFile, authority.certPem);
  const trusting = { NODE_EXTRA_CA_CERTS: caFile };
  const ended = await gatheredBy("oidc-url-evidence.js", "oidcUrlEvidence", { oidcUrl: server.url }, trusting);
  expect(ended.code).toBe(end.code);
  expect(ended.err).toMatch(end.err);
});

/** The kind of evidence that a process of its own gathers, in this environment. */
async function gatheredBy(
  file: string,
  make: string,
  options: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
): Promise<Ended> {
  const adapter = fileURLToPath(new URL(`../../dist/agent/adapters/evidence/${file}`, import.meta.url));
  const script = `
    import { ${make} } from ${JSON.stringify(adapter)};
    const source = ${make}(${JSON.stringify(options)});
    const challenge = { nonce: new Uint8Array(16), expiresAtMs: 0, audience: "https://plane.example" };
    const key = { spkiDer: new Uint8Array(), spkiSha256: "00" };
    console.log((await source.gather(challenge, key, new AbortController().signal)).kind);`;
  await using asking = AgentProcess.startNode(["--input-type=module", "--eval", script], environment);
  return await asking.ended;
}

async function tokenServer(ipSans: readonly string[]): Promise<AsyncDisposable & { readonly url: string }> {
  const { certPem, keyPem } = await authority.issue({ name: "token", ipSans, extendedKeyUsage: [SERVER_AUTH] });
  const server: Server = createServer({ cert: certPem, key: keyPem }, ({ url = "" }, response) => {
    const aud = new URL(url, "https://localhost").searchParams.get("audience");
    response.writeHead(200, { "Content-Type": "application/jwt" }).end(signJwt(platforms.signers.rsa, { aud }));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("It does not listen");
  return {
    url: `https://127.0.0.1:${address.port}/token`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
