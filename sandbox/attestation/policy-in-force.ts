import type { Fetch, Identity, Policies } from "../../verifier/src/index.ts";
import type { AttestationOptions } from "../control-plane/attestations.ts";
import type { Entitlement } from "../control-plane/project-ref.ts";
import { grantsOf, nameOf } from "./grants.ts";
import { type LoadedPolicy, loadPolicy } from "./load.ts";
import { policiesOf } from "./policies.ts";

interface Parts {
  readonly file: string;
  readonly now: () => number;
  /** How STS is asked; default: Node's own. */
  readonly fetch?: Fetch;
}

/** A policy of a file, as a control plane takes it, until the file is read again. */
export class PolicyInForce implements AttestationOptions {
  readonly fetch?: Fetch;
  readonly #parts: Parts;
  #loaded: LoadedPolicy;
  #accept: Policies;
  #owners: ReadonlyMap<string, Entitlement>;

  private constructor(parts: Parts, loaded: LoadedPolicy) {
    this.#parts = parts;
    if (parts.fetch !== undefined) this.fetch = parts.fetch;
    this.#loaded = loaded;
    this.#accept = policiesOf(loaded, parts.now);
    this.#owners = ownersIn(loaded);
  }

  /** @throws {PolicyInvalid} */
  static async open(parts: Parts): Promise<PolicyInForce> {
    return new PolicyInForce(parts, await loadPolicy(parts.file));
  }

  get accept(): Policies {
    return this.#accept;
  }

  get loaded(): LoadedPolicy {
    return this.#loaded;
  }

  /** From now on as the file says now. @throws {PolicyInvalid} the old one stays in force. */
  async retake(): Promise<void> {
    const loaded = await loadPolicy(this.#parts.file);
    this.#accept = policiesOf(loaded, this.#parts.now);
    this.#owners = ownersIn(loaded);
    this.#loaded = loaded;
  }

  readonly entitle = (identity: Identity): Entitlement | undefined => {
    return this.#owners.get(nameOf(identity));
  };
}

function ownersIn({ written }: LoadedPolicy): ReadonlyMap<string, Entitlement> {
  return new Map(grantsOf(written).flatMap(({ owner, names = [] }) => names.map((name) => [name, owner] as const)));
}
