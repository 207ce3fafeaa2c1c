import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as overHttps } from "node:https";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll } from "vitest";
import { Scope } from "../../../agent/lifecycle/scope.ts";
import { CiPlatforms } from "../../../sandbox/ci/platforms/ci-platforms.ts";
import { STAND_IN_IDS } from "../../../sandbox/ci/platforms/job-claims.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { serveExchange } from "../../../sandbox/control-plane/exchange/http/serve-exchange.ts";
import {
  EXCHANGE_AUDIENCE,
  type Jobs,
  type Provider,
  TOKEN_TTL_MAX_MS,
  type TrustOrder,
  type TrustRelationship,
} from "../../../sandbox/control-plane/exchange/trust.ts";
import { KeyPair } from "../../../sandbox/pki/key-pair.ts";
import { makeSigningRequest } from "../../../sandbox/pki/signing-request.ts";
import { LabMachine } from "../plane/lab-machine.ts";

export const APP = { org: "acme", project: "app" } as const;
export const OTHER = { org: "other", project: "site" } as const;
export const FORM = "application/x-www-form-urlencoded";
const DEADLINE_MS = 30_000;

export const JOBS: { readonly [P in Provider]: Extract<Jobs, { readonly provider: P }> } = {
  github: { provider: "github", ...STAND_IN_IDS.github, events: ["push"] },
  circleci: { provider: "circleci", ...STAND_IN_IDS.circleci, allowsSshRerun: false },
  buildkite: { provider: "buildkite", ...STAND_IN_IDS.buildkite },
};

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** An exchange somewhere, and how it is asked. */
export interface Door {
  readonly port: number;
  readonly caPem: string;
}

interface Question {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Hangs up. */
  readonly signal?: AbortSignal;
}

export async function ask(
  { port, caPem }: Door,
  path: string,
  { method = "POST", headers = {}, body = "", signal }: Question = {},
): Promise<Reply> {
  const options = { host: "127.0.0.1", port, path, method, headers, ca: caPem, agent: false, signal };
  const asking = overHttps({ ...options, timeout: DEADLINE_MS });
  asking.on("timeout", () => asking.destroy(new Error("no answer")));
  asking.end(body);
  const [response] = (await once(asking, "response")) as [IncomingMessage];
  const said = await text(response);
  const json = said.startsWith("{") ? (JSON.parse(said) as Record<string, unknown>) : {};
  return { status: response.statusCode ?? 0, headers: response.headers, text: said, json };
}

export function formOf(subjectToken: string, more: Readonly<Record<string, string>> = {}): string {
  return new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    subject_token: subjectToken,
    ...more,
  }).toString();
}

export function exchange(
  door: Door,
  subjectToken: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return ask(door, "/oidc/token", { headers: { "content-type": FORM }, body: formOf(subjectToken, more) });
}

export async function csrOf(key: KeyPair): Promise<string> {
  const base64 = Buffer.from(await makeSigningRequest(key, "job")).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}

export async function openBuild(
  door: Door,
  accessToken: string,
  order: Readonly<Record<string, unknown>> = {},
  { key, signal }: { readonly key?: KeyPair; readonly signal?: AbortSignal } = {},
): Promise<Reply> {
  const csr = await csrOf(key ?? (await KeyPair.generate()));
  const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
  return ask(door, "/builds", { headers, body: JSON.stringify({ csr, ...order }), ...(signal && { signal }) });
}

export function endBuild(door: Door, accessToken: string, buildId: string): Promise<Reply> {
  return ask(door, `/builds/${buildId}`, { method: "DELETE", headers: { authorization: `Bearer ${accessToken}` } });
}

export function orderFor(jobs: Jobs, platforms: CiPlatforms, changes: Partial<TrustOrder> = {}): TrustOrder {
  return {
    ...APP,
    jobs,
    audience: EXCHANGE_AUDIENCE,
    scopes: ["build", "disk-usage", "prune"],
    tokenTtlMs: TOKEN_TTL_MAX_MS,
    buildTtlMs: 60 * 60_000,
    isSingleUse: true,
    jwksUrl: platforms.jwksUrl(jobs.provider),
    ...changes,
  };
}

/** A control plane with its exchange, a machine that takes every build, three CI systems. */
export class Scene implements AsyncDisposable {
  readonly plane: EmbeddedControlPlane;
  readonly platforms: CiPlatforms;
  readonly door: Door;
  readonly #scope: Scope;

  private constructor(plane: EmbeddedControlPlane, platforms: CiPlatforms, door: Door, scope: Scope) {
    this.plane = plane;
    this.platforms = platforms;
    this.door = door;
    this.#scope = scope;
  }

  static async set({ machines = [APP] as readonly { org: string; project: string }[], applyDeadlineMs = 15_000 } = {}) {
    const scope = new Scope();
    const platforms = scope.own(await CiPlatforms.open());
    const plane = scope.own(await EmbeddedControlPlane.listen({ applyDeadlineMs }));
    const server = scope.own(await serveExchange(plane, { host: "127.0.0.1", port: 0 }, () => "tcp://192.0.2.1:8443"));
    for (const [index, ref] of machines.entries())
      scope.own(await LabMachine.register(plane, plane.issueJoinToken(ref), { bootId: `boot-${index}` }));
    await plane.until(() => plane.machines().every(({ link }) => link !== undefined));
    return new Scene(plane, platforms, { port: server.port, caPem: plane.caPem }, scope);
  }

  trust(jobs: Jobs = JOBS.github, changes: Partial<TrustOrder> = {}): TrustRelationship {
    return this.plane.exchange.trusts.add(orderFor(jobs, this.platforms, changes));
  }

  job(provider: Provider = "github", claims: Readonly<Record<string, unknown>> = {}, audience = EXCHANGE_AUDIENCE) {
    return this.platforms.token(provider, audience, claims);
  }

  /** An access token for a job that is trusted. */
  async granted(provider: Provider = "github", claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { json, text: said } = await exchange(this.door, this.job(provider, claims));
    if (typeof json["access_token"] !== "string") throw new Error(said);
    return json["access_token"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

/** One scene for all tests of a file, without a machine; each begins with nobody trusted. */
export function sharedScene(): () => Scene {
  let scene: Scene | undefined;
  beforeAll(async () => {
    scene = await Scene.set({ machines: [] });
  });
  afterEach(() => {
    for (const { id } of scene?.plane.exchange.trusts.list() ?? []) scene?.plane.exchange.removeTrust(id);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
  });
  return () => {
    if (scene === undefined) throw new Error("The scene is not set");
    return scene;
  };
}
