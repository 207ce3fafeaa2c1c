import { randomBytes } from "node:crypto";
import { CachedKeys, type Fetch, jwksAt, type Trust } from "../../../verifier/src/index.ts";
import type { Commits } from "../kept/commits.ts";
import { issuerOf, jwksUrlOf, type TrustOrder, type TrustRelationship } from "./trust.ts";

const TRUSTS_MAX = 1_000;

/** Whose jobs may open builds of which project. Machines' evidence is judged elsewhere. */
export class Trusts {
  readonly #byId: Map<string, TrustRelationship>;
  readonly #keys = new Map<string, CachedKeys>();
  readonly #commits: Commits;
  readonly #now: () => number;
  readonly #fetch: Fetch;

  constructor(
    parts: { readonly commits: Commits; readonly now: () => number; readonly fetch: Fetch },
    recalled: readonly TrustRelationship[],
  ) {
    this.#commits = parts.commits;
    this.#now = parts.now;
    this.#fetch = parts.fetch;
    this.#byId = new Map(recalled.map((trust) => [trust.id, trust]));
  }

  list(): TrustRelationship[] {
    return [...this.#byId.values()];
  }

  find(id: string): TrustRelationship | undefined {
    return this.#byId.get(id);
  }

  /** @throws {Error} where the issuer is trusted by other keys already: a token has one issuer. */
  add(order: TrustOrder): TrustRelationship {
    if (this.#byId.size >= TRUSTS_MAX) throw new Error(`${TRUSTS_MAX} trusts are the most: remove one first.`);
    const other = this.list().find(
      (trust) => issuerOf(trust.jobs) === issuerOf(order.jobs) && jwksUrlOf(trust) !== jwksUrlOf(order),
    );
    if (other !== undefined)
      throw new Error(
        `Trust ${other.id} takes the keys of ${issuerOf(order.jobs)} from ${jwksUrlOf(other)}: remove it first, or name the same.`,
      );
    const trust = { ...order, id: `t-${randomBytes(5).toString("hex")}` };
    this.#commits.make({
      apply: () => this.#byId.set(trust.id, trust),
      undo: () => this.#byId.delete(trust.id),
    });
    return trust;
  }

  /** @throws {Error} when there is none. */
  remove(id: string): void {
    const trust = this.#byId.get(id);
    if (trust === undefined) throw new Error(`There is no trust ${id}.`);
    this.#commits.make({ apply: () => this.#byId.delete(id), undo: () => this.#byId.set(id, trust) });
    this.#keys.delete(jwksUrlOf(trust));
  }

  /** As the verifier takes them, each with the one that it came of. */
  forVerifier(): ReadonlyMap<Trust, TrustRelationship> {
    return new Map(this.list().map((trust) => [this.#verifierTrust(trust), trust]));
  }

  #verifierTrust(trust: TrustRelationship): Trust {
    const { jobs, audience, isSingleUse } = trust;
    const common = { keys: this.#keysAt(jwksUrlOf(trust)), audience, isSingleUse };
    switch (jobs.provider) {
      case "github": {
        const { ownerId, repositoryId, provider, ...where } = jobs;
        return { ...common, ...where, kind: provider, owners: [ownerId], repositories: [repositoryId] };
      }
      case "circleci": {
        const { organizationId, projectId, provider, ...where } = jobs;
        return { ...common, ...where, kind: provider, organization: organizationId, projects: [projectId] };
      }
      case "buildkite": {
        const { organizationId, pipelineId, provider, ...where } = jobs;
        return { ...common, ...where, kind: provider, organizations: [organizationId], pipelines: [pipelineId] };
      }
      default:
        return jobs satisfies never;
    }
  }

  /** Asked once for all who wait, ten minutes good: as the verifier has it. */
  #keysAt(url: string): CachedKeys {
    const known = this.#keys.get(url);
    if (known !== undefined) return known;
    const keys = new CachedKeys({ load: jwksAt(url, this.#fetch), now: this.#now });
    this.#keys.set(url, keys);
    return keys;
  }
}
