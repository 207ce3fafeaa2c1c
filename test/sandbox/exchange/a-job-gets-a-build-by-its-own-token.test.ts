import { X509Certificate } from "node:crypto";
import { afterEach, expect, it, vi } from "vitest";
import { BuildPermission } from "../../../agent/adapters/grpc/gen/builder/agent/v1/desired_state.ts";
import { KeyPair } from "../../../sandbox/pki/key-pair.ts";
import { APP, ask, endBuild, exchange, FORM, formOf, JOBS, OTHER, openBuild, Scene } from "./scene.ts";

afterEach(() => {
  vi.useRealTimers();
});

const PROVIDERS = ["github", "circleci", "buildkite"] as const;

it.each(PROVIDERS)("a job of %s exchanges its token, opens a build for its own key, and ends it", async (provider) => {
  await using scene = await Scene.set();
  scene.trust(JOBS[provider]);
  const answer = await exchange(scene.door, scene.job(provider));
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({ "cache-control": "no-store", "content-type": "application/json" });
  expect(answer.json).toEqual({
    access_token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    token_type: "Bearer",
    expires_in: 900,
    scope: "build disk-usage prune",
  });
  const token = String(answer.json["access_token"]);

  const key = await KeyPair.generate();
  const { status, json } = await openBuild(scene.door, token, { ttl_s: 600 }, { key });
  expect(status).toBe(201);
  expect(json).toMatchObject({
    ...APP,
    endpoint: "tcp://192.0.2.1:8443",
    ca: scene.plane.authorities.builders.certPem,
  });
  expect(json["server_name"]).toBe(scene.plane.machines()[0]?.serverName);
  const certificate = new X509Certificate(String(json["certificate"]));
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  expect(spki).toEqual(Buffer.from(key.spkiDer));
  expect(certificate.subjectAltName).toContain(`/org/acme/project/app/build/${String(json["build_id"])}`);
  expect(scene.plane.listBuilds()).toMatchObject([{ buildId: json["build_id"] }]);

  const ended = await endBuild(scene.door, token, String(json["build_id"]));
  expect(ended).toMatchObject({ status: 200, json: { build_id: json["build_id"], applied: true } });
  expect(scene.plane.listBuilds()).toEqual([]);
  const told = scene.plane.exchange.log.entries().map(({ code, reason }) => [code, reason]);
  expect(told).toEqual([
    ["granted", ""],
    ["build-opened", json["build_id"]],
    ["build-ended", json["build_id"]],
  ]);
});

it("the machine is told the job's key and what the trust lets its builds ask", async () => {
  await using scene = await Scene.set();
  scene.trust(JOBS.github, { scopes: ["build", "history"] });
  const key = await KeyPair.generate();
  const { json } = await exchange(scene.door, scene.job(), { scope: "history" });
  expect(json["scope"]).toBe("history");
  await openBuild(scene.door, String(json["access_token"]), {}, { key });
  const [project] = scene.plane.machines().map((machine) => machine.project);
  const { openBuilds } = project?.desired({
    ...{ architecture: "amd64", epoch: "", sentAt: new Date() },
    trustBundle: scene.plane.authorities.trustBundle(),
  }) ?? { openBuilds: [] };
  expect(openBuilds).toMatchObject([
    { keySpkiSha256: Buffer.from(key.spkiSha256, "hex"), permissions: { allowed: [BuildPermission.HISTORY] } },
  ]);
});

it("a build lasts no longer than the trust says, whatever the job asks for", async () => {
  await using scene = await Scene.set();
  scene.trust(JOBS.github, { buildTtlMs: 120_000 });
  const { json } = await openBuild(scene.door, await scene.granted(), { ttl_s: 86_400 });
  const leftMs = Date.parse(String(json["expires_at"])) - Date.now();
  expect(leftMs).toBeGreaterThan(60_000);
  expect(leftMs).toBeLessThanOrEqual(120_000);
});

it("an access token that has expired opens nothing, and still ends what it opened", async () => {
  await using scene = await Scene.set();
  scene.trust();
  const token = await scene.granted();
  const { json } = await openBuild(scene.door, token);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 15 * 60_000 });
  expect(await openBuild(scene.door, token)).toMatchObject({ status: 401, json: { error: "invalid_token" } });
  expect((await endBuild(scene.door, token, String(json["build_id"]))).status).toBe(200);
  expect(scene.plane.listBuilds()).toEqual([]);
});

it("a token of a job for which several projects were opened names the one that it builds for", async () => {
  await using scene = await Scene.set({ machines: [APP, OTHER] });
  scene.trust();
  scene.trust(JOBS.github, OTHER);
  const token = await scene.granted();
  expect(await openBuild(scene.door, token)).toMatchObject({ status: 400, json: { code: "project-unnamed" } });
  expect(await openBuild(scene.door, token, OTHER)).toMatchObject({ status: 201, json: OTHER });
  expect(await openBuild(scene.door, token, APP)).toMatchObject({ status: 201, json: APP });
});

it("a token that may be used again is exchanged twice, where a person has said so", async () => {
  await using scene = await Scene.set({ machines: [] });
  scene.trust(JOBS.circleci, { isSingleUse: false });
  const token = scene.job("circleci");
  expect([(await exchange(scene.door, token)).status, (await exchange(scene.door, token)).status]).toEqual([200, 200]);
});

it("an id token is taken as a JWT, and the exchange's own audience may be named", async () => {
  await using scene = await Scene.set({ machines: [] });
  scene.trust();
  const more = {
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    audience: "https://builds.sandbox.internal",
    requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
    scope: "build",
    actor_token: "",
  };
  const headers = { "content-type": `${FORM}; charset=UTF-8` };
  const answer = await ask(scene.door, "/oidc/token", { headers, body: formOf(scene.job(), more) });
  expect(answer.json).toMatchObject({ scope: "build" });
});
