import { expect, it } from "vitest";
import { CachedKeys, type Fetch, type IssuerKeys, jwksAt, type Policies } from "../../verifier/src/index.ts";
import { NOW_MS } from "./authorities/clock.ts";
import { Issuer } from "./authorities/issuer.ts";
import { pieces } from "./authorities/sts.ts";
import { accept, claims, google } from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const rotated = new Issuer(google.name, "google-2");

function withKeys(keys: IssuerKeys): Policies {
  if (accept.gcp === undefined) throw new Error("there is no policy");
  return { gcp: { ...accept.gcp, keys } };
}

/** An issuer's key set that is fetched, and counted. */
function published(initial: unknown) {
  const state = { document: initial, fetched: 0, nowMs: NOW_MS };
  const keys = new CachedKeys({
    load: () => {
      state.fetched += 1;
      return state.document instanceof Error ? Promise.reject(state.document) : Promise.resolve(state.document);
    },
    now: () => state.nowMs,
  });
  return { state, scene: new Scene(withKeys(keys)) };
}

const signedBy =
  (issuer: Issuer, kid = issuer.kid) =>
  (binding: Binding) =>
    ({ kind: "gcp", jwt: issuer.token(claims.gcp(binding), { kid }) }) as const;

it("fetches keys once for all who come, and again after ten minutes", async () => {
  const { state, scene } = published(google.jwks);
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => scene.register(signedBy(google))));
  expect(new Set(verdicts.map(outcome))).toEqual(new Set(["verified"]));
  expect(state.fetched).toBe(1);
  state.nowMs += 10 * 60_000;
  expect(outcome(await scene.register(signedBy(google)))).toBe("verified");
  expect(state.fetched).toBe(2);
});

it("takes a key that the issuer has just begun to use, after one fetch", async () => {
  const { state, scene } = published(google.jwks);
  await scene.register(signedBy(google));
  state.document = { keys: [google.jwk, rotated.jwk] };
  expect(outcome(await scene.register(signedBy(rotated)))).toBe("verified");
  expect(state.fetched).toBe(2);
});

it("fetches once in 30 seconds for keys that do not exist, however many are named", async () => {
  const { state, scene } = published(google.jwks);
  await scene.register(signedBy(google));
  const flood = async (count: number) => {
    const verdicts = await Promise.all(
      Array.from({ length: count }, (_, index) => scene.register(signedBy(rotated, `made-up-${index}`))),
    );
    expect(new Set(verdicts.map(outcome))).toEqual(new Set(["key-unknown"]));
  };
  await flood(300);
  state.nowMs += 29_999;
  await flood(10);
  expect(state.fetched).toBe(2);
  state.nowMs += 1;
  await flood(10);
  expect(state.fetched).toBe(3);
});

it.each<{ what: string; document: unknown }>([
  { what: "cannot be reached", document: new Error("ECONNREFUSED") },
  { what: "publishes something else", document: { error: "down" } },
  { what: "publishes keys of which one is none", document: { keys: [google.jwk, "key"] } },
])("lets nobody in while the issuer $what, and says that it may pass", async ({ document }) => {
  const { state, scene } = published(document);
  expect(await scene.register(signedBy(google))).toMatchObject({ code: "keys-unavailable", retryable: true });
  expect(await scene.register(signedBy(google))).toMatchObject({ code: "keys-unavailable", retryable: true });
  expect(state.fetched).toBe(1);
  state.document = google.jwks;
  state.nowMs += 1_000;
  expect(outcome(await scene.register(signedBy(google)))).toBe("verified");
});

it("goes on with the keys that it has for as long as they are fresh, and no longer", async () => {
  const { state, scene } = published(google.jwks);
  await scene.register(signedBy(google));
  state.document = new Error("ECONNREFUSED");
  expect(outcome(await scene.register(signedBy(google)))).toBe("verified");
  expect(outcome(await scene.register(signedBy(rotated)))).toBe("keys-unavailable");
  expect(outcome(await scene.register(signedBy(google)))).toBe("verified");
  state.nowMs += 10 * 60_000;
  expect(outcome(await scene.register(signedBy(google)))).toBe("keys-unavailable");
});

it("reads a key set from its address, and follows nobody elsewhere", async () => {
  const asked: string[] = [];
  const answers = [
    { status: 302, body: pieces() },
    { status: 200, body: pieces(JSON.stringify(google.jwks)) },
  ];
  const fetch: Fetch = (url, { method, redirect }) => {
    asked.push(`${method} ${url} ${redirect}`);
    return Promise.resolve(answers[asked.length - 1] ?? { status: 500, body: null });
  };
  const load = jwksAt("https://keys.example/jwks", fetch);
  await expect(load()).rejects.toMatchObject({ code: "platform-redirected" });
  expect(await load()).toEqual(google.jwks);
  expect(asked).toEqual(Array.from({ length: 2 }, () => "GET https://keys.example/jwks manual"));
});

it("does not take a key of 1024 bits that an issuer publishes", async () => {
  const { generateKeyPairSync } = await import("node:crypto");
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
  const scene = new Scene(withKeys({ keys: [{ ...weak, kty: "RSA", kid: google.kid }] }));
  expect(outcome(await scene.register(signedBy(google)))).toBe("key-unknown");
});
