import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { CachedKeys, type Evidence, type Fetch, jwksAt } from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";
import { sign1 } from "./authorities/nitro.ts";
import { signedHeaders } from "./authorities/sts.ts";
import type { Holder } from "./openssl/authority.ts";
import { asAzure, asEc2 } from "./openssl/message.ts";
import { AUTHORITY, AZURE_NAME, named, Stage } from "./openssl/stage.ts";
import { accept, callerHeaders, claims, documents, fly, google, nitroSigner, REGION, stranger } from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

/** Counts who comes, and what this process sends out by Node's own sockets, wherever to. */
let listener: Server;
let here: string;
let connections = 0;
const requests: (string | undefined)[] = [];
const sockets: unknown[] = [];
const note = (socket: unknown) => sockets.push(socket);

let stage: Stage;
/** Below and above which everything points here. */
let leaf: Holder;
let authority: Holder;

beforeAll(async () => {
  listener = createServer((request, response) => {
    requests.push(request.url);
    if (request.url === "/redirect") response.writeHead(302, { location: `${here}/target` });
    response.end("{}");
  });
  listener.on("connection", () => {
    connections += 1;
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  here = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  stage = await Stage.open();
  const pointing = [
    `authorityInfoAccess=caIssuers;URI:${here}/aia,OCSP;URI:${here}/ocsp`,
    `crlDistributionPoints=URI:${here}/crl`,
    `issuerAltName=URI:${here}/issuer`,
    `subjectInfoAccess=caRepository;URI:${here}/repository`,
  ];
  authority = await stage.authority({}, [...AUTHORITY, ...pointing]);
  leaf = await stage.leaf([...named(AZURE_NAME), ...pointing], { issuer: authority });
  subscribe("net.client.socket", note);
});
afterAll(async () => {
  unsubscribe("net.client.socket", note);
  listener.closeAllConnections();
  listener.close();
  await stage[Symbol.asyncDispose]();
});
beforeEach(() => {
  connections = 0;
  requests.length = 0;
  sockets.length = 0;
});

it("is seen by the listener, and by Node's own count, where something is asked", async () => {
  await fetch(here).then((answer) => answer.text());
  expect({ connections, sockets: sockets.length }).toEqual({ connections: 1, sockets: 1 });
});

const sts = `sts.${REGION}.amazonaws.com`;
const to = (url: () => string) => (binding: Binding) =>
  ({ kind: "aws-caller-identity", url: url(), headers: signedHeaders(callerHeaders(binding), REGION) }) as const;
const host = () => here.slice("http://".length);
const oidc = (jwt: string): Evidence => ({ kind: "oidc", jwt });
/** Azure's, with the certificate that points here; with or without what it says is there. */
const pointed = (above: () => readonly Holder[]) => async (b: Binding) =>
  ({
    kind: "azure",
    pkcs7: await asAzure(stage.openssl, JSON.stringify(documents.azure(b)), leaf),
    intermediates: above().map(({ der }) => der),
  }) as const;

const forgeries: readonly { readonly what: string; readonly forge: (b: Binding) => Evidence | Promise<Evidence> }[] = [
  { what: "a request to it", forge: to(() => `${here}/`) },
  { what: "a request to it by TLS", forge: to(() => `https://${host()}/`) },
  { what: "a request to it behind STS's name as a user", forge: to(() => `https://${sts}@${host()}/`) },
  { what: "a request to STS's name at its port", forge: to(() => `https://${sts}:${host().split(":")[1]}/`) },
  { what: "a request with STS's name in its query", forge: to(() => `https://${host()}/?${sts}`) },
  { what: "a request to STS that names it in its query", forge: to(() => `https://${sts}/?next=${here}/`) },
  { what: "a request with a backslash", forge: to(() => `https://${sts}\\@${host()}/`) },
  { what: "a request to STS without TLS", forge: to(() => `http://${sts}/`) },
  { what: "a request to STS in capitals", forge: to(() => `https://STS.${REGION}.amazonaws.com/`) },
  { what: "a request without a path", forge: to(() => `https://${sts}`) },
  { what: "a request to a name with a dot behind it", forge: to(() => `https://${sts}./`) },
  { what: "a request to a look-alike", forge: to(() => `https://${sts}.evil.example/`) },
  { what: "a request to another region", forge: to(() => "https://sts.us-east-1.amazonaws.com/") },
  { what: "a request to the global endpoint", forge: to(() => "https://sts.amazonaws.com/") },
  { what: "a request to the metadata address", forge: to(() => "http://169.254.169.254/latest/meta-data/") },
  { what: "a request to a file", forge: to(() => "file:///etc/passwd") },
  { what: "a request to nowhere", forge: to(() => "") },
  { what: "a token whose issuer it is", forge: (b) => oidc(stranger.token({ ...claims.fly(b), iss: here })) },
  { what: "a token whose keys are there", forge: (b) => oidc(stranger.token(claims.fly(b), { jku: here })) },
  { what: "a token whose certificate is there", forge: (b) => oidc(stranger.token(claims.fly(b), { x5u: here })) },
  { what: "a token whose key id it is", forge: (b) => oidc(fly.token(claims.fly(b), { kid: here })) },
  {
    what: "a token with everything there",
    forge: (b) =>
      oidc(fly.token({ ...claims.fly(b), jwks_uri: here, sub_jwk: here, jti: here }, { kid: `${here}/redirect` })),
  },
  { what: "a document whose authority is there", forge: pointed(() => []) },
  { what: "a document whose authority's authority is there", forge: pointed(() => [{ ...authority, der: leaf.der }]) },
  {
    what: "an identity document whose signer points there",
    forge: async () => {
      const text = JSON.stringify(documents.aws());
      const signature = await asEc2(stage.openssl, text, leaf);
      return { kind: "aws-instance-identity", document: Buffer.from(text), signature };
    },
  },
  {
    what: "a NitroTPM's document whose authorities point there",
    forge: (b) => {
      const payload = documents.nitro(b).set("certificate", leaf.der).set("cabundle", [authority.der, leaf.der]);
      return { kind: "nitro-tpm", document: sign1(payload, nitroSigner) };
    },
  },
];

it.each(forgeries)("asks nothing for the sake of $what", async ({ forge }) => {
  const asked: string[] = [];
  const recording: Fetch = (url, init) => {
    asked.push(url);
    return fetch(url, init);
  };
  const verdict = await new Scene(accept, { fetch: recording }).register(forge);
  expect(verdict.verdict).toBe("refused");
  expect({ connections, sockets, asked }).toEqual({ connections: 0, sockets: [], asked: [] });
});

it("asks nothing even where the document is good: neither lists of what was revoked, nor OCSP", async () => {
  const verdict = await new Scene(stage.accept).register(pointed(() => [authority]));
  expect(outcome(verdict)).toBe("verified");
  expect({ connections, sockets }).toEqual({ connections: 0, sockets: [] });
});

/** Sends what is for STS to the listener's redirect, as a name server that lies would. */
const astray: Fetch = (_url, init) => fetch(`${here}/redirect`, { ...init, headers: {} });

it("does not follow where STS, or who answers for it, redirects to", async () => {
  const verdict = await new Scene(accept, { fetch: astray }).register(to(() => `https://${sts}/`));
  expect(outcome(verdict)).toBe("platform-redirected");
  expect(requests).toEqual(["/redirect"]);
});

it("does not follow where an issuer's keys redirect to", async () => {
  const now = () => NOW_MS;
  const keys = new CachedKeys({ load: jwksAt(`${here}/redirect`, fetch), now });
  const scene = new Scene({ gcp: { keys, projects: ["acme-builders"], serviceAccounts: ["112233445566778899000"] } });
  const verdict = await scene.register((b) => ({ kind: "gcp", jwt: google.token(claims.gcp(b)) }));
  expect(outcome(verdict)).toBe("keys-unavailable");
  expect(requests).toEqual(["/redirect"]);
});
