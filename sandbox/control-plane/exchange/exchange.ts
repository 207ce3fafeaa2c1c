import { randomBytes } from "node:crypto";
import { type Fetch, type Job, MemoryNonces, Verifier } from "../../../verifier/src/index.ts";
import { messageOf } from "../../failure.ts";
import type { BuildPermissionName } from "../build-permissions.ts";
import { PERMISSION_OF } from "../builds.ts";
import type { Change } from "../change.ts";
import type { Commits } from "../kept/commits.ts";
import { type ProjectRef, projectName } from "../project-ref.ts";
import { AccessTokens } from "./access-tokens.ts";
import type { BuildsOfPlane, PlacedBuild } from "./builds-for.ts";
import { ExchangeLog } from "./exchange-log.ts";
import { ExchangeRefusal } from "./exchange-refusal.ts";
import { type AccessToken, type KeptExchange, NOTHING_KEPT } from "./kept.ts";
import { refusalOf } from "./refusal-of.ts";
import { SpentSubjects } from "./spent-subjects.ts";
import type { TrustRelationship } from "./trust.ts";
import { Trusts } from "./trusts.ts";
import { whyNotOpened } from "./why-not-opened.ts";

export interface Subject {
  readonly token: string;
  /** Absent: all that is granted. */
  readonly scopes: readonly string[] | undefined;
  /** The far end's address, for the log. */
  readonly source: string;
}

export interface Granted {
  readonly accessToken: string;
  readonly ttlMs: number;
  readonly scopes: readonly BuildPermissionName[];
}

export interface JobsBuild {
  /** Of the one project, where the token is for one only. */
  readonly ref: ProjectRef | undefined;
  readonly csrDer: Uint8Array;
  readonly ttlMs: number | undefined;
}

export interface Asking {
  /** The far end's address, for the log. */
  readonly source: string;
  readonly signal: AbortSignal;
}

interface Grant {
  readonly trust: TrustRelationship;
  readonly scopes: readonly BuildPermissionName[];
}

/**
 * A CI job's way to a build: its platform's token for an access token of ours (RFC 8693), and that
 * for builds of the projects that trust the job. It knows nothing of HTTP.
 */
export class Exchange {
  readonly trusts: Trusts;
  readonly log = new ExchangeLog();
  readonly #tokens: AccessTokens;
  readonly #spent: SpentSubjects;
  readonly #verifier: Verifier;
  readonly #commits: Commits;
  readonly #builds: BuildsOfPlane;
  readonly #now: () => number;

  constructor(
    parts: {
      readonly commits: Commits;
      readonly now: () => number;
      readonly builds: BuildsOfPlane;
      /** How issuers' keys are fetched. */
      readonly fetch: Fetch;
    },
    recalled: KeptExchange = NOTHING_KEPT,
  ) {
    const { commits, now, builds } = parts;
    this.#commits = commits;
    this.#builds = builds;
    this.#now = now;
    this.trusts = new Trusts(parts, recalled.trusts);
    const isOpen = (buildId: string): boolean => builds.isOpen(buildId);
    this.#tokens = new AccessTokens({ commits, now, isOpen }, recalled.accessTokens);
    this.#spent = new SpentSubjects(commits, now, recalled.spent);
    this.#verifier = new Verifier({ ...parts, nonces: new MemoryNonces({ now }), spent: this.#spent });
  }

  kept(): KeptExchange {
    return { trusts: this.trusts.list(), accessTokens: this.#tokens.kept(), spent: this.#spent.kept() };
  }

  /** @throws {ExchangeRefusal} */
  async trade({ token, scopes, source }: Subject): Promise<Granted> {
    const trusts = this.trusts.forVerifier();
    const verdict = await this.#verifier.verifyJob({ jwt: token }, { trusts: [...trusts.keys()] });
    const at = new Date(this.#now());
    if (verdict.verdict === "refused") {
      this.log.note({ at, source, code: verdict.code, reason: verdict.reason, trustIds: [] });
      throw refusalOf(verdict);
    }
    const fitting = verdict.trusts.flatMap((trust) => trusts.get(trust) ?? []);
    const trustIds = fitting.map(({ id }) => id);
    try {
      const granted = this.#grant(fitting, scopes);
      this.log.note({ at, source, code: "granted", reason: "", trustIds, job: jobOf(verdict) });
      return granted;
    } catch (failure) {
      const code = failure instanceof ExchangeRefusal ? failure.code : "failed";
      this.log.note({ at, source, code, reason: messageOf(failure), trustIds, job: jobOf(verdict) });
      throw failure;
    }
  }

  /**
   * Opens a build for the key of a request, and waits until a machine has taken it. @throws
   * {ExchangeRefusal}; the signal's reason.
   */
  async openBuild(
    bearer: string,
    { ref, csrDer, ttlMs }: JobsBuild,
    { source, signal }: Asking,
  ): Promise<{ readonly build: PlacedBuild; readonly machineAddress: string | undefined }> {
    const token = this.#tokens.alive(bearer);
    const { trust, scopes } = chosen(this.#grantsOf(token), ref);
    const buildId = `b-${randomBytes(8).toString("hex")}`;
    const { org, project, buildTtlMs, machineAddress } = trust;
    const by = { source, trustIds: [trust.id] };
    const permissions = scopes.map((scope) => PERMISSION_OF[scope]);
    const order = { org, project, buildId, permissions, ttlMs: Math.min(ttlMs ?? buildTtlMs, buildTtlMs) };
    try {
      const build = await this.#tokens.noting(token, buildId, () => this.#builds.open(csrDer, order, signal));
      this.#noteBuild("build-opened", buildId, by);
      return { build, machineAddress };
    } catch (failure) {
      // Its trust may have been removed when it had just been opened.
      this.abandon(buildId);
      if (signal.aborted) throw failure;
      const isServed = this.#builds.hasMachine(trust);
      const why = whyNotOpened(failure, { isServed, project: projectName(trust) });
      if (why instanceof ExchangeRefusal) this.#noteBuild(why.code, `${buildId}: ${why.message}`, by);
      throw why;
    }
  }

  /** Ends a build that this token opened. @throws {ExchangeRefusal} */
  endBuild(bearer: string, buildId: string, source: string): Change {
    const { grants } = this.#tokens.opener(bearer, buildId);
    const change = this.#builds.end(buildId);
    this.#noteBuild("build-ended", buildId, { source, trustIds: grants.map(({ trustId }) => trustId) });
    return change;
  }

  /** Ends one whose client never heard of it; where that cannot be kept, it ends in its time. */
  abandon(buildId: string): void {
    try {
      if (this.#builds.isOpen(buildId)) this.#builds.end(buildId);
    } catch (failure) {
      this.log.note({
        at: new Date(this.#now()),
        source: "",
        code: "failed",
        reason: messageOf(failure),
        trustIds: [],
      });
    }
  }

  /**
   * From now on, and of what it gave already: tokens are worth nothing, open builds are revoked.
   * Gives their ids. @throws {Error} when there is none.
   */
  removeTrust(id: string): readonly string[] {
    return this.#commits.together(() => {
      this.trusts.remove(id);
      const builds = this.#tokens.withdraw(id);
      for (const buildId of builds) this.#builds.revoke(buildId);
      return builds;
    });
  }

  #noteBuild(code: string, reason: string, by: { readonly source: string; readonly trustIds: string[] }): void {
    this.log.note({ at: new Date(this.#now()), code, reason, ...by });
  }

  /** @throws {ExchangeRefusal} for a scope that no trust gives. */
  #grant(fitting: readonly TrustRelationship[], wanted: readonly string[] | undefined): Granted {
    const grants = fitting
      .map(({ id, scopes }) => ({ trustId: id, scopes: scopes.filter((scope) => wanted?.includes(scope) ?? true) }))
      .filter(({ scopes }) => scopes.length > 0);
    const scopes = [...new Set(grants.flatMap((grant) => grant.scopes))];
    if (wanted?.some((scope) => !scopes.some((granted) => granted === scope)) === true || scopes.length === 0)
      throw new ExchangeRefusal(400, "invalid_scope", "scope-not-granted", "The scope goes beyond what is granted.");
    const ttlMs = Math.min(...fitting.map(({ tokenTtlMs }) => tokenTtlMs));
    return { accessToken: this.#tokens.issue(grants, ttlMs), ttlMs, scopes };
  }

  #grantsOf({ grants }: AccessToken): readonly Grant[] {
    return grants.flatMap(({ trustId, scopes }) => {
      const trust = this.trusts.find(trustId);
      return trust === undefined ? [] : [{ trust, scopes }];
    });
  }
}

/** @throws {ExchangeRefusal} */
function chosen(grants: readonly Grant[], ref: ProjectRef | undefined): Grant {
  const [first, ...others] =
    ref === undefined ? grants : grants.filter(({ trust }) => projectName(trust) === projectName(ref));
  if (first === undefined)
    throw new ExchangeRefusal(
      403,
      "insufficient_scope",
      "project-not-granted",
      "The access token is not for this project.",
    );
  if (others.some(({ trust }) => projectName(trust) !== projectName(first.trust)))
    throw new ExchangeRefusal(
      400,
      "invalid_request",
      "project-unnamed",
      "Name org and project: this token is for several.",
    );
  return first;
}

function jobOf({ kind: provider, organizationId, projectId, ref }: Job) {
  return { provider, organizationId, projectId, ref };
}
