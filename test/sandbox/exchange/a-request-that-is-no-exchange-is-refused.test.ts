import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import { ask, exchange, FORM, formOf, openBuild, Scene, sharedScene } from "./scene.ts";

const shared = sharedScene();
const JSON_TYPE = "application/json";

it.each<{
  what: string;
  path?: string;
  method?: string;
  type?: string;
  body: (token: string) => string;
  code: string;
  status: number;
}>([
  { what: "GET", method: "GET", body: () => "", status: 405, code: "method-not-allowed" },
  { what: "PUT", method: "PUT", body: formOf, status: 405, code: "method-not-allowed" },
  { what: "another path", path: "/oidc/token/", body: formOf, status: 404, code: "not-found" },
  {
    what: "parameters in the address",
    path: "/oidc/token?scope=history",
    body: formOf,
    status: 404,
    code: "not-found",
  },
  { what: "JSON", type: JSON_TYPE, body: formOf, status: 415, code: "content-type-wrong" },
  { what: "no type", type: "", body: formOf, status: 415, code: "content-type-wrong" },
  { what: "a type that begins alike", type: `${FORM}x`, body: formOf, status: 415, code: "content-type-wrong" },
  {
    what: "17 KiB",
    body: (token) => `${formOf(token)}&x=${"a".repeat(17 * 1024)}`,
    status: 413,
    code: "body-too-large",
  },
  {
    what: "another grant",
    body: (token) => formOf(token, { grant_type: "client_credentials" }),
    status: 400,
    code: "grant-type-unknown",
  },
  {
    what: "another kind of token",
    body: (token) => formOf(token, { subject_token_type: "x" }),
    status: 400,
    code: "subject-token-type-unknown",
  },
  {
    what: "a wish for another kind",
    body: (token) => formOf(token, { requested_token_type: "x" }),
    status: 400,
    code: "requested-token-type-unknown",
  },
  { what: "another target", body: (token) => formOf(token, { audience: "x" }), status: 400, code: "target-unknown" },
  {
    what: "a resource",
    body: (token) => formOf(token, { resource: "https://x.example" }),
    status: 400,
    code: "target-unknown",
  },
  {
    what: "an actor",
    body: (token) => formOf(token, { actor_token: "x" }),
    status: 400,
    code: "delegation-unsupported",
  },
  { what: "no subject", body: () => formOf(""), status: 400, code: "subject-token-missing" },
  {
    what: "two subjects",
    body: (token) => `${formOf(token)}&subject_token=x`,
    status: 400,
    code: "duplicate-parameter",
  },
  {
    what: "two scopes, one of them written otherwise",
    body: (token) => `${formOf(token, { scope: "build" })}&s%63ope=history`,
    status: 400,
    code: "duplicate-parameter",
  },
  {
    what: "a second parameter without a value",
    body: (token) => `${formOf(token)}&grant_type=`,
    status: 400,
    code: "duplicate-parameter",
  },
  {
    what: "a scope that nobody granted",
    body: (token) => formOf(token, { scope: "build history" }),
    status: 400,
    code: "scope-not-granted",
  },
  {
    what: "a scope that is none",
    body: (token) => formOf(token, { scope: "build  prune" }),
    status: 400,
    code: "scope-malformed",
  },
  { what: "a token of 9 KiB", body: () => formOf(`a.${"b".repeat(9 * 1024)}.c`), status: 400, code: "oversized" },
  { what: "bytes that are no text", body: (token) => `${formOf(token)}&x=%ff`, status: 200, code: "" },
])("$what: $status $code", async ({ path = "/oidc/token", method = "POST", type = FORM, body, status, code }) => {
  const scene = shared();
  scene.trust();
  const token = scene.job();
  const headers = type === "" ? {} : { "content-type": type };
  const sent = body(token);
  const answer = await ask(scene.door, path, { method, headers, body: method === "GET" ? "" : sent });
  expect({ status: answer.status, code: answer.json["code"] ?? "" }).toEqual({ status, code });
  expect(answer.headers["cache-control"]).toBe("no-store");
  for (const part of token.split(".")) expect(answer.text).not.toContain(part);
  // Whatever was wrong with the form, the job's token is as good as before.
  const isSpent = status === 200 || code === "scope-not-granted";
  expect((await exchange(scene.door, token)).json["code"] ?? "served").toBe(isSpent ? "token-used" : "served");
});

it.each([
  { what: "no JSON", body: "csr", code: "malformed" },
  { what: "no request for a certificate", body: "{}", code: "malformed" },
  { what: "a word too many", body: JSON.stringify({ csr: "x", buildId: "b-1" }), code: "malformed" },
  { what: "a request that is none", body: pem("AAAA"), code: "csr-invalid" },
])("a build with $what is refused: $code", async ({ body, code }) => {
  const scene = shared();
  scene.trust();
  const headers = { authorization: `Bearer ${await scene.granted()}`, "content-type": JSON_TYPE };
  const answer = await ask(scene.door, "/builds", { headers, body });
  expect({ status: answer.status, code: answer.json["code"] }).toEqual({ status: 400, code });
  expect(scene.plane.listBuilds()).toEqual([]);
});

it("an org without its project is refused", async () => {
  const scene = shared();
  scene.trust();
  expect((await openBuild(scene.door, await scene.granted(), { org: "acme" })).json["code"]).toBe("malformed");
});

it("who asks too often is told when to come again, before anything is read", async () => {
  await using scene = await Scene.set({ machines: [] });
  const answers = await Promise.all(
    Array.from({ length: 130 }, () => ask(scene.door, "/oidc/token", { method: "GET" })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(10);
  expect(answers.filter(({ status }) => status === 405).length).toBeGreaterThanOrEqual(100);
  expect(refused[0]).toMatchObject({ json: { code: "too-many-requests" } });
  expect(Number(refused[0]?.headers["retry-after"])).toBeGreaterThanOrEqual(1);
});

it("a body that does not say how long it is is read up to its limit, and answered", async () => {
  const { port, caPem } = shared().door;
  const socket = connect({ host: "127.0.0.1", port, ca: caPem });
  await once(socket, "secureConnect");
  socket.write(`POST /oidc/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  for (let kib = 0; kib < 17; kib += 1) socket.write(`400\r\n${"a".repeat(1024)}\r\n`);
  const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 .*"code":"body-too-large"/s);
  socket.destroy();
});

it("a request that does not come to its end is cut", async () => {
  const scene = shared();
  const { port, caPem } = scene.door;
  const socket = connect({ host: "127.0.0.1", port, ca: caPem });
  await once(socket, "secureConnect");
  socket.write(`POST /oidc/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 100\r\n\r\ngrant`);
  const said: Buffer[] = [];
  socket.on("data", (piece: Buffer) => said.push(piece)).on("error", () => undefined);
  await once(socket, "close", { signal: AbortSignal.timeout(30_000) });
  expect(Buffer.concat(said).toString()).not.toContain("200 OK");
});

it("TLS below 1.3, plain HTTP and another CA's trust come to nothing", async () => {
  const scene = shared();
  const { port, caPem } = scene.door;
  const older = connect({ host: "127.0.0.1", port, ca: caPem, maxVersion: "TLSv1.2" });
  await expect(once(older, "secureConnect")).rejects.toThrow(/protocol version/);
  const untrusting = connect({ host: "127.0.0.1", port });
  await expect(once(untrusting, "secureConnect")).rejects.toThrow(/self-signed|unable to verify/);
  const plain = connectPlain(port, "127.0.0.1");
  plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const said: Buffer[] = [];
  plain.on("data", (piece: Buffer) => said.push(piece)).on("error", () => undefined);
  await once(plain, "close", { signal: AbortSignal.timeout(30_000) });
  expect(Buffer.concat(said).toString()).not.toContain("HTTP/1.1 4");
});

function pem(base64: string): string {
  const label = "CERTIFICATE REQUEST";
  return JSON.stringify({ csr: `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n` });
}
