import type { Hello } from "../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import type { MachineFacts, Versions } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { BuildRefusal, ObservedState } from "../../agent/adapters/grpc/gen/builder/agent/v1/observed_state.ts";
import type { KeptMachine } from "./kept/snapshot.ts";
import type { Project } from "./project.ts";
import type { Refusal } from "./refusal.ts";

/** A machine's open stream. */
export interface Link {
  /** Where the stream comes from: "192.0.2.7:41234". */
  readonly peer: string;
  /** Sends the desired state as it is now. */
  sendDesired(): void;
  /** Sends these bytes as one message, whatever they are. */
  sendRaw(message: Uint8Array): void;
  end(because: Refusal): void;
}

/** Which instance a machine is, where its evidence names one. */
export type HeldInstance = NonNullable<KeptMachine["lease"]>;

/** A machine that registered. */
export class Machine {
  readonly id: string;
  readonly project: Project;
  readonly architecture: string;
  readonly facts: MachineFacts;
  readonly versions: Versions | undefined;
  /** What its gateway's certificate is for, and what a build's client must ask for. */
  readonly serverName: string;
  /** When it attached, or went away; at first when it became known to this process. */
  linkChangedAt = new Date();
  #link: Link | undefined;
  hello: Hello | undefined;
  observed: ObservedState | undefined;
  refused = false;
  /** Undefined: its evidence names no instance, and its boot is all that is known of it. */
  lease: HeldInstance | undefined;
  #heardMonoMs = performance.now();
  #address: string | undefined;
  /** How often it attached, and had certificates renewed. */
  attaches = 0;
  renewals = 0;

  constructor(identity: Pick<Machine, "id" | "project" | "architecture" | "facts" | "versions" | "lease">) {
    this.id = identity.id;
    this.project = identity.project;
    this.architecture = identity.architecture;
    this.facts = identity.facts;
    this.versions = identity.versions;
    this.lease = identity.lease;
    this.serverName = `${identity.id}.builders.sandbox.internal`;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  set link(link: Link | undefined) {
    this.#link = link;
    this.linkChangedAt = new Date();
  }

  /** Since its last sign of life, or since it became known to this process. */
  get silentMs(): number {
    return performance.now() - this.#heardMonoMs;
  }

  /** Where it was last heard from, without the port. */
  get address(): string | undefined {
    return this.#address;
  }

  /** A sign of life, which its key has proved. */
  heard(address = this.#address): void {
    this.#heardMonoMs = performance.now();
    this.#address = address;
  }

  kept(): KeptMachine {
    const { id, architecture, facts, versions, refused, lease } = this;
    return { id, ...this.project.ref, architecture, facts, versions, refused, ...(lease !== undefined && { lease }) };
  }

  /** Whether the whole effect of `revision` is in force there. */
  hasApplied(epoch: string, revision: bigint): boolean {
    return this.observed?.appliedEpoch === epoch && this.observed.appliedRevision >= revision;
  }

  /**
   * Why it does not take this build; undefined: it does, as soon as it has applied the build's
   * revision.
   */
  refusalOf(buildId: string): BuildRefusal | undefined {
    return this.observed?.refusedBuilds.find((refusal) => refusal.buildId === buildId);
  }

  /** Where it is and what it last reported, for a person. */
  lastWords(): string {
    const where = this.link === undefined ? "is not attached" : "is attached";
    const { appliedRevision = 0n, refusedReason = "" } = this.observed ?? {};
    const refused = refusedReason === "" ? "" : `, and refused: ${refusedReason}`;
    return `${this.id} ${where}, last applied revision ${appliedRevision}${refused}`;
  }
}
