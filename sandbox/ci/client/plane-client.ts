import { z } from "zod";
import { EXIT, messageOf, SandboxFailure } from "../../failure.ts";
import { ask, type Question, type Told } from "./ask.ts";

export interface PlaceOfPlane {
  /** Its exchange. */
  readonly url: URL;
  readonly caPem: string;
  readonly serverName?: string;
}

export interface BuildOrder {
  readonly csrPem: string;
  readonly ref?: { readonly org: string; readonly project: string };
  readonly ttlMs?: number;
}

const token = z.looseObject({ access_token: z.string(), token_type: z.literal("Bearer") });
const openedBuild = z.looseObject({
  build_id: z.string(),
  endpoint: z.string(),
  server_name: z.string(),
  ca: z.string(),
  certificate: z.string(),
  expires_at: z.string(),
});
const refusal = z.looseObject({ error_description: z.string(), code: z.string() });

export type JobsBuild = z.output<typeof openedBuild>;

/** The control plane said no. */
export class PlaneRefused extends SandboxFailure {
  /** After so long it may say yes; undefined: it will not. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { status, retryAfterS }: Pick<Told, "status" | "retryAfterS">) {
    super(status >= 500 || status === 429 ? EXIT.unavailable : EXIT.notPermitted, message);
    this.name = "PlaneRefused";
    this.retryAfterMs = retryAfterS === undefined ? undefined : retryAfterS * 1_000;
  }
}

const EXCHANGE_DEADLINE_MS = 30_000;
/** A machine that starts is waited for. */
const OPEN_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 20_000;
const FORM = "application/x-www-form-urlencoded";
const URN = "urn:ietf:params:oauth";

/** A control plane's exchange, as a CI job sees it. */
export class PlaneClient {
  readonly #place: PlaceOfPlane;

  constructor(place: PlaceOfPlane) {
    this.#place = place;
  }

  /** RFC 8693. @throws {SandboxFailure} with the control plane's code. */
  async exchange(subjectToken: string, signal: AbortSignal): Promise<string> {
    const form = new URLSearchParams({
      grant_type: `${URN}:grant-type:token-exchange`,
      subject_token_type: `${URN}:token-type:jwt`,
      subject_token: subjectToken,
    });
    const question = { method: "POST", headers: { "content-type": FORM }, body: form.toString() } as const;
    const what = "exchanging the job's token";
    const answer = await this.#ask("/oidc/token", { ...question, deadlineMs: EXCHANGE_DEADLINE_MS }, what, signal);
    return parsed(token, answer, what).access_token;
  }

  /** @throws {SandboxFailure} with the control plane's code: `PlaneRefused` where it said no. */
  async openBuild(accessToken: string, { csrPem, ref, ttlMs }: BuildOrder, signal: AbortSignal): Promise<JobsBuild> {
    const body = { csr: csrPem, ...ref, ...(ttlMs !== undefined && { ttl_s: Math.ceil(ttlMs / 1_000) }) };
    const headers = { ...bearing(accessToken), "content-type": "application/json" };
    const question = { method: "POST", headers, body: JSON.stringify(body), deadlineMs: OPEN_DEADLINE_MS } as const;
    const what = "opening a build";
    return parsed(openedBuild, await this.#ask("/builds", question, what, signal), what);
  }

  /** @throws {SandboxFailure} */
  async endBuild(accessToken: string, buildId: string): Promise<void> {
    const question = { method: "DELETE", headers: bearing(accessToken), deadlineMs: END_DEADLINE_MS } as const;
    await this.#ask(`/builds/${buildId}`, question, `ending build ${buildId}`);
  }

  async #ask(path: string, question: Question, what: string, ...signals: readonly AbortSignal[]): Promise<string> {
    const { url, caPem, serverName } = this.#place;
    const headers = {
      ...question.headers,
      ...(question.body && { "content-length": String(Buffer.byteLength(question.body)) }),
    };
    const all = { ...question, headers, caPem, ...(serverName !== undefined && { serverName }) };
    const told = await ask(new URL(path, url), all, ...signals).catch((cause: unknown) => {
      throw new SandboxFailure(
        EXIT.unavailable,
        `The control plane at ${url.host} failed ${what}: ${messageOf(cause)}.`,
        cause,
      );
    });
    if (told.status >= 200 && told.status < 300) return told.body;
    throw new PlaneRefused(`The control plane refused ${what}: ${inWords(told)}`, told);
  }
}

function bearing(accessToken: string): { readonly authorization: string } {
  return { authorization: `Bearer ${accessToken}` };
}

function inWords({ body, status }: Told): string {
  const said = refusal.safeParse(parseJson(body));
  return said.success ? `${said.data.error_description} (${said.data.code})` : `status ${status}.`;
}

/** @throws {SandboxFailure} without a word of the answer. */
function parsed<T>(form: z.ZodType<T>, body: string, what: string): T {
  const result = form.safeParse(parseJson(body));
  if (result.success) return result.data;
  throw new SandboxFailure(EXIT.unavailable, `The control plane's answer on ${what} is not what was agreed.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
