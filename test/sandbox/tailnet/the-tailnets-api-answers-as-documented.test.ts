import { generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { ClientRights, OAuthClient } from "../../../sandbox/tailnet/api/clients.ts";
import type { ApiFault } from "../../../sandbox/tailnet/api/faults.ts";
import { TailnetApiStandIn } from "../../../sandbox/tailnet/api/stand-in.ts";
import { CoordinationInMemory, keyBody, post, remove, secretForm } from "./plain-api-client.ts";

const BUILDER: ClientRights = { scopes: ["auth_keys", "devices:core"], tags: ["tag:builder"] };
const HOUR_S = 3_600;

const coordination = new CoordinationInMemory();
let api: TailnetApiStandIn;
let client: OAuthClient;
let nowMs = Date.parse("2030-01-01T00:00:00Z");

beforeAll(async () => {
  const tagOwners = { "tag:owned": ["tag:builder"] };
  api = await TailnetApiStandIn.listen({ coordination, tagOwners, now: () => nowMs });
  client = api.clients.addClient(BUILDER);
});
beforeEach(() => api.faults.clear());
afterAll(() => api[Symbol.asyncDispose]());

const tokenUrl = () => `${api.url}/api/v2/oauth/token`;
const exchangeUrl = () => `${api.url}/api/v2/oauth/token-exchange`;
const keysUrl = () => `${api.url}/api/v2/tailnet/-/keys`;
const deviceUrl = (id: string) => `${api.url}/api/v2/device/${id}`;

async function tokenOf(of: OAuthClient = client): Promise<string> {
  return String((await post(tokenUrl(), secretForm(of))).body["access_token"]);
}

it("gives an access token for an hour, for a client's id and secret", async () => {
  const { status, body } = await post(tokenUrl(), secretForm(client));
  expect(status).toBe(200);
  expect(body).toMatchObject({ token_type: "Bearer", expires_in: HOUR_S, scope: "auth_keys devices:core" });
  const token = String(body["access_token"]);
  expect((await post(keysUrl(), keyBody(), token)).status).toBe(200);
  nowMs += HOUR_S * 1_000;
  expect((await post(keysUrl(), keyBody(), token)).status).toBe(401);
});

it("takes a client's id and secret by HTTP's own means as well", async () => {
  const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64");
  const headers = { authorization: `Basic ${basic}`, "content-type": "application/x-www-form-urlencoded" };
  expect((await fetch(tokenUrl(), { method: "POST", headers, body: "" })).status).toBe(200);
});

it.each([
  { what: "a wrong secret", form: () => secretForm({ ...client, clientSecret: "tskey-client-wrong" }) },
  { what: "an unknown client", form: () => secretForm({ ...client, clientId: "nobody" }) },
  { what: "no secret", form: () => new URLSearchParams({ client_id: client.clientId }) },
])("answers $what with 401, in the API's own words", async ({ form }) => {
  expect(await post(tokenUrl(), form())).toEqual({ status: 401, body: { message: "API token invalid" } });
});

it("refuses JSON where OAuth wants a form", async () => {
  expect((await post(tokenUrl(), { client_id: client.clientId, client_secret: client.clientSecret })).status).toBe(400);
});

it("mints what was asked for at the coordination server", async () => {
  const { status, body } = await post(keysUrl(), keyBody(), await tokenOf());
  expect(status).toBe(200);
  expect(body).toMatchObject({
    key: `secret-key-${coordination.orders.length}`,
    created: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + 300_000).toISOString(),
    capabilities: keyBody().capabilities,
  });
  expect(body["id"]).toMatch(/^k\w+CNTRL$/);
  expect(coordination.orders.at(-1)).toEqual({
    tags: ["tag:builder"],
    ephemeral: true,
    reusable: false,
    expiresAt: new Date(nowMs + 300_000),
  });
});

it.each([
  { what: "the client's own tag beside one that is not", tags: ["tag:builder", "tag:x"] },
  { what: "another's tag", tags: ["tag:x"] },
])("refuses a key with $what, in the API's own words", async ({ tags }) => {
  const message = `requested tags [${tags.join(" ")}] are invalid or not permitted`;
  const said = await post(keysUrl(), keyBody({ create: { tags } }), await tokenOf());
  expect(said).toEqual({ status: 400, body: { message } });
});

it("mints a key with tags that the client's own tag owns", async () => {
  expect((await post(keysUrl(), keyBody({ create: { tags: ["tag:owned"] } }), await tokenOf())).status).toBe(200);
});

it.each([
  { what: "no tags", body: keyBody({ create: { tags: [] } }), says: "tailnet-owned auth key must have tags set" },
  { what: "a key for many", body: keyBody({ create: { reusable: true } }), says: "used again" },
  { what: "a node that stays", body: keyBody({ create: { ephemeral: false } }), says: "would stay" },
  { what: "a node to approve", body: keyBody({ create: { preauthorized: false } }), says: "approval" },
  { what: "more than five minutes", body: keyBody({ expirySeconds: 301 }), says: "301 seconds" },
  { what: "no lifetime, which is 90 days", body: keyBody({ expirySeconds: undefined }), says: "7776000 seconds" },
  { what: "more than 90 days", body: keyBody({ expirySeconds: 7_776_001 }), says: "expirySeconds" },
  { what: "a description of forbidden letters", body: keyBody({ description: "a/b" }), says: "description" },
  { what: "a description of 51 letters", body: keyBody({ description: "x".repeat(51) }), says: "description" },
  { what: "no capabilities", body: { expirySeconds: 300 }, says: "capabilities" },
])("refuses to mint a key with $what, and says so", async ({ body, says }) => {
  const minted = coordination.orders.length;
  const said = await post(keysUrl(), body, await tokenOf());
  expect(said.status).toBe(400);
  expect(said.body["message"]).toContain(says);
  expect(coordination.orders.length).toBe(minted);
});

it("lets a client do only what its scopes say", async () => {
  const keysOnly = await tokenOf(api.clients.addClient({ ...BUILDER, scopes: ["auth_keys"] }));
  const removalOnly = await tokenOf(api.clients.addClient({ ...BUILDER, scopes: ["devices:core"] }));
  expect((await remove(deviceUrl("1"), keysOnly)).status).toBe(403);
  expect((await post(keysUrl(), keyBody(), removalOnly)).status).toBe(403);
});

it("removes a node once, and then knows none of that id", async () => {
  coordination.nodes.add("17");
  const token = await tokenOf();
  expect(await remove(deviceUrl("17"), token)).toEqual({ status: 200, text: "" });
  expect((await remove(deviceUrl("17"), token)).status).toBe(404);
  expect((await remove(deviceUrl("17"), "wrong")).status).toBe(401);
});

const workload = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

function jwt(claims: object, key = workload.privateKey): string {
  const defaults = { iss: "https://issuer.example", sub: "machine:7", exp: nowMs / 1_000 + 60 };
  const parts = [{ alg: "ES256" }, { ...defaults, ...claims }];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

async function exchanged(claims: object, key = workload.privateKey) {
  const jwks = { keys: [workload.publicKey.export({ format: "jwk" })] };
  const identity = { issuer: "https://issuer.example", subject: "machine:*", jwks };
  const { clientId, audience } = api.clients.addIdentity(identity, BUILDER);
  const form = new URLSearchParams({ client_id: clientId, jwt: jwt({ aud: audience, ...claims }, key) });
  return { ...(await post(exchangeUrl(), form)), clientId, audience };
}

it("exchanges a workload's own token for an access token that is as good", async () => {
  const { status, body, audience, clientId } = await exchanged({});
  expect(status).toBe(200);
  expect(audience).toBe(`api.tailscale.com/${clientId}`);
  expect((await post(keysUrl(), keyBody(), String(body["access_token"]))).status).toBe(200);
});

it.each([
  { what: "for another audience", claims: { aud: "somebody" }, says: "audience" },
  { what: "of another issuer", claims: { iss: "https://other.example" }, says: "issuer" },
  { what: "of another subject", claims: { sub: "xmachine:7" }, says: "subject" },
  { what: "that has expired", claims: { exp: 1 }, says: "expired" },
  { what: "that a stranger signed", claims: {}, key: stranger.privateKey, says: "not signed" },
])("does not exchange a token $what, and says why", async ({ claims, key, says }) => {
  const { status, body } = await exchanged(claims, key);
  expect(status).toBe(401);
  expect(body["message"]).toContain(says);
});

it("keeps a journal of what was asked, with no secret in it", async () => {
  const token = await tokenOf();
  const { body } = await post(keysUrl(), keyBody(), token);
  expect(api.requests().slice(-2)).toMatchObject([
    { endpoint: "token", method: "POST", clientId: client.clientId, status: 200 },
    { endpoint: "keys", path: "/api/v2/tailnet/-/keys", body: keyBody(), status: 200 },
  ]);
  const journal = JSON.stringify(api.requests());
  for (const secret of [token, client.clientSecret, String(body["key"])]) expect(journal).not.toContain(secret);
});

it.each<{ fault: ApiFault; seen: string | RegExp }>([
  { fault: { kind: "status", status: 503, message: "try later" }, seen: '503 {"message":"try later"}' },
  { fault: { kind: "reset" }, seen: "fetch failed" },
  { fault: { kind: "silent" }, seen: /abort|timeout/i },
  { fault: { kind: "slow", delayMs: 60_000 }, seen: /abort|timeout/i },
  { fault: { kind: "slow", delayMs: 1 }, seen: /^200 {"access_token"/ },
  { fault: { kind: "garbage" }, seen: /^200 <html>/ },
])("does wrong on purpose as often as it was told to: $fault.kind", async ({ fault, seen }) => {
  api.faults.set("token", fault, 1);
  expect(await seenOf(fault.kind === "silent" || fault.kind === "slow" ? 300 : 10_000)).toMatch(seen);
  expect(await seenOf(10_000)).toMatch(/^200/);
});

async function seenOf(deadlineMs: number): Promise<string> {
  try {
    const init = { method: "POST", body: secretForm(client), signal: AbortSignal.timeout(deadlineMs) };
    const response = await fetch(tokenUrl(), init);
    return `${response.status} ${await response.text()}`;
  } catch (failure) {
    return String(failure);
  }
}

it("goes down and comes up again at the same address", async () => {
  const { url } = api;
  await api.goDown();
  await expect(post(`${url}/api/v2/oauth/token`, secretForm(client))).rejects.toThrow("fetch failed");
  await api.comeUp();
  expect((await post(`${url}/api/v2/oauth/token`, secretForm(client))).status).toBe(200);
});
