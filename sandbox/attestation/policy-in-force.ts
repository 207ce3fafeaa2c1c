import type { Fetch, Identity, Policies } from "../../verifier/src/index.ts";
import type { AttestationOptions } from "../control-plane/attestations.ts";
import type { Entitlement } from "../control-plane/project-ref.ts";
import { grantsOf, nameOf } from "./grants.ts";
import { type LoadedPolicy, loadPolicy } from "./load.ts";
import { policiesOf } from "./policies.ts";

/** A policy of a file, as a control plane takes it, until the file is read again. */
export class PolicyInForce implements AttestationOptions {
  readonly fetch?: Fetch;
  #loaded: LoadedPolicy;
  #accept: Policies;
  #owners: ReadonlyMap<string, Entitlement>;

  private constructor(loaded: LoadedPolicy, askSts: Fetch | undefined) {
    if (askSts !== undefined) this.fetch = askSts;
    this.#loaded = loaded;
    this.#accept = policiesOf(loaded, Date.now);
    this.#owners = ownersIn(loaded);
  }

  /** @param askSts how STS is asked; default: Node's own. @throws {PolicyInvalid} */
  static async open(file: string, askSts?: Fetch): Promise<PolicyInForce> {
    return new PolicyInForce(await loadPolicy(file), askSts);
  }

  get accept(): Policies {
    return this.#accept;
  }

  get loaded(): LoadedPolicy {
    return this.#loaded;
  }

  /** From now on as the file says now. @throws {PolicyInvalid} the old one stays in force. */
  async retake(): Promise<void> {
    const loaded = await loadPolicy(this.#loaded.file);
    this.#accept = policiesOf(loaded, Date.now);
    this.#owners = ownersIn(loaded);
    this.#loaded = loaded;
  }

  readonly entitle = (identity: Identity): Entitlement | undefined => this.#owners.get(nameOf(identity));
}

function ownersIn({ written }: LoadedPolicy): ReadonlyMap<string, Entitlement> {
  return new Map(grantsOf(written).flatMap(({ owner, names = [] }) => names.map((name) => [name, owner] as const)));
}
