import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import type {
  MachineFacts,
  RegisterRequest,
  Versions,
} from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { Commits } from "./kept/commits.ts";
import type { Snapshot } from "./kept/snapshot.ts";
import { type HeldInstance, Machine } from "./machine.ts";
import { Project } from "./project.ts";
import { type Entitlement, type ProjectRef, projectName } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** A machine that may join, and is not known yet. */
export interface Newcomer {
  readonly project: Project;
  readonly facts: MachineFacts;
  readonly versions: Versions | undefined;
}

/** Every project that may have machines, and every machine that has registered. */
export class Fleet {
  readonly #projects = new Map<string, Project>();
  readonly #machines = new Map<string, Machine>();
  readonly #commits: Commits;

  constructor(commits: Commits, recalled: Pick<Snapshot, "projects" | "machines"> = { projects: [], machines: [] }) {
    this.#commits = commits;
    for (const kept of recalled.projects) this.#projects.set(projectName(kept), this.#projectOf(kept, kept));
    for (const { org, project, ...kept } of recalled.machines) {
      const { versions, lease } = kept;
      const machine = new Machine({ ...kept, versions, lease, project: this.project({ org, project }) });
      machine.refused = kept.refused;
      this.#machines.set(kept.id, machine);
    }
  }

  kept(): Pick<Snapshot, "projects" | "machines"> {
    return {
      projects: this.projects().map((project) => project.kept()),
      machines: this.machines().map((machine) => machine.kept()),
    };
  }

  projects(): readonly Project[] {
    return [...this.#projects.values()];
  }

  machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Makes a project known; its machines hear of each change. */
  admit(ref: ProjectRef): Project {
    const known = this.#projects.get(projectName(ref));
    if (known !== undefined) return known;
    const project = this.#projectOf(ref);
    const name = projectName(ref);
    this.#commits.make({
      apply: () => this.#projects.set(name, project),
      undo: () => this.#projects.delete(name),
    });
    return project;
  }

  #projectOf({ org, project: name }: ProjectRef, kept?: Snapshot["projects"][number]): Project {
    const changed = (): void => {
      for (const machine of this.of(project)) machine.link?.sendDesired();
    };
    const project: Project = new Project({ org, project: name }, { commits: this.#commits, changed }, kept);
    return project;
  }

  /** @throws {Error} when no machine can ever serve it. */
  project(ref: ProjectRef): Project {
    const project = this.#projects.get(projectName(ref));
    if (project !== undefined) return project;
    const known = [...this.#projects.keys()].join(", ") || "none";
    throw new Error(`No machine serves ${projectName(ref)}: this control plane has machines for ${known}.`);
  }

  of(project: Project): readonly Machine[] {
    return this.machines().filter((machine) => machine.project === project);
  }

  /** @throws {Refusal} when no machine like that can join. */
  newcomer(entitlement: Entitlement, { facts, versions }: RegisterRequest): Newcomer {
    if (facts === undefined || facts.bootId === "" || facts.architecture === "") {
      throw new Refusal(status.INVALID_ARGUMENT, "facts: boot_id and architecture are needed");
    }
    if (entitlement.architecture !== undefined && entitlement.architecture !== facts.architecture) {
      throw Refusal.forGood(
        "evidence-refused",
        `This evidence is for a machine of ${entitlement.architecture}, not ${facts.architecture}.`,
      );
    }
    return { project: this.admit(entitlement), facts, versions };
  }

  /**
   * For evidence that names no instance: the same boot that registers again is the same machine,
   * under the same name. @throws {Refusal}
   */
  enrol(newcomer: Newcomer): Machine {
    const known = this.of(newcomer.project).find(
      ({ lease, facts }) => lease === undefined && facts.bootId === newcomer.facts.bootId,
    );
    return known === undefined ? this.add(newcomer, newMachineId()) : refuseIfTold(known);
  }

  add({ project, facts, versions }: Newcomer, id: string, lease?: HeldInstance): Machine {
    const machine = new Machine({ id, project, architecture: facts.architecture, facts, versions, lease });
    this.#commits.make({ apply: () => this.#machines.set(id, machine), undo: () => this.#machines.delete(id) });
    return machine;
  }

  /** From now on it is unknown: its stream ends, and its certificates are good for nothing. */
  remove(machine: Machine, because: Refusal): void {
    this.#commits.together(() => {
      machine.project.forget(machine.id);
      this.#commits.make({
        apply: () => this.#machines.delete(machine.id),
        undo: () => this.#machines.set(machine.id, machine),
        after: () => machine.link?.end(because),
      });
    });
  }

  /** The machine that this instance is, as far as is known. */
  holderOf(instance: string): Machine | undefined {
    for (const machine of this.#machines.values()) if (machine.lease?.instance === instance) return machine;
    return undefined;
  }

  /** From now on, and for good. */
  refuse(machine: Machine): void {
    this.#commits.make({
      apply: () => (machine.refused = true),
      undo: () => (machine.refused = false),
      after: () => machine.link?.end(Refusal.forGood("machine-refused", `Machine ${machine.id} is refused.`)),
    });
  }

  /**
   * @throws {Refusal} UNAUTHENTICATED: never registered here; PERMISSION_DENIED with the mark:
   * refused for good.
   */
  registered(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Refusal(status.UNAUTHENTICATED, `Machine ${id} is not registered here.`);
    return refuseIfTold(machine);
  }
}

/** Unique, and of the contract's form. */
export function newMachineId(): string {
  return `m-${randomBytes(5).toString("hex")}`;
}

function refuseIfTold(machine: Machine): Machine {
  if (machine.refused) throw Refusal.forGood("machine-refused", `Machine ${machine.id} is refused.`);
  return machine;
}
