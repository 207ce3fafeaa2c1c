import type { Fetch, Identity, Policies, SpentTokens } from "../../verifier/src/index.ts";
import type { AttestationOptions } from "../control-plane/attestations.ts";
import type { Entitlement } from "../control-plane/project-ref.ts";
import type { FirstKeys } from "./first-keys.ts";
import { grantsOf, nameOf } from "./grants.ts";
import { type LoadedPolicy, loadPolicy } from "./load.ts";
import { policiesOf } from "./policies.ts";

interface Parts {
  readonly file: string;
  readonly now: () => number;
  readonly firstKeys: FirstKeys;
  readonly spent: SpentTokens;
  /** Is told each refusal, with its reason. */
  readonly audit: NonNullable<AttestationOptions["audit"]>;
  /** How STS is asked; default: Node's own. */
  readonly fetch?: Fetch;
}

/** A policy of a file, as a control plane takes it, until the file is read again. */
export class PolicyInForce implements AttestationOptions {
  readonly spent: SpentTokens;
  readonly audit: NonNullable<AttestationOptions["audit"]>;
  readonly fetch?: Fetch;
  readonly #parts: Parts;
  #loaded: LoadedPolicy;
  #accept: Policies;
  #owners: ReadonlyMap<string, Entitlement>;

  private constructor(parts: Parts, loaded: LoadedPolicy) {
    this.#parts = parts;
    this.spent = parts.spent;
    this.audit = parts.audit;
    if (parts.fetch !== undefined) this.fetch = parts.fetch;
    this.#loaded = loaded;
    this.#accept = policiesOf(loaded, parts);
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
    this.#accept = policiesOf(loaded, this.#parts);
    this.#owners = ownersIn(loaded);
    this.#loaded = loaded;
  }

  readonly entitle = (identity: Identity): Entitlement | undefined => {
    const owner = this.#owners.get(nameOf(identity));
    if (owner === undefined || identity.kind !== "aws-instance-identity") return owner;
    return this.#parts.firstKeys.claim(identity.instance, identity.keySha256) ? owner : undefined;
  };
}

function ownersIn({ written }: LoadedPolicy): ReadonlyMap<string, Entitlement> {
  return new Map(grantsOf(written).flatMap(({ owner, names = [] }) => names.map((name) => [name, owner] as const)));
}
