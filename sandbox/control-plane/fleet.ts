import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import type { RegisterRequest } from "../../agent/adapters/grpc/gen/builder/agent/v1/identity.ts";
import type { Commits } from "./kept/commits.ts";
import type { Snapshot } from "./kept/snapshot.ts";
import { Machine } from "./machine.ts";
import { Project } from "./project.ts";
import { type Entitlement, type ProjectRef, projectName } from "./project-ref.ts";
import { Refusal } from "./refusal.ts";

/** Every project that may have machines, and every machine that has registered. */
export class Fleet {
  readonly #projects = new Map<string, Project>();
  readonly #machines = new Map<string, Machine>();
  readonly #commits: Commits;

  constructor(commits: Commits, recalled: Pick<Snapshot, "projects" | "machines"> = { projects: [], machines: [] }) {
    this.#commits = commits;
    for (const kept of recalled.projects) this.#projects.set(projectName(kept), this.#projectOf(kept, kept));
    for (const { org, project, ...kept } of recalled.machines) {
      const machine = new Machine({ ...kept, versions: kept.versions, project: this.project({ org, project }) });
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

  /**
   * The same boot that registers again is the same machine, under the same name. @throws {Refusal}
   */
  enrol(entitlement: Entitlement, request: RegisterRequest): Machine {
    const { facts, versions } = request;
    if (facts === undefined || facts.bootId === "" || facts.architecture === "") {
      throw new Refusal(status.INVALID_ARGUMENT, "facts: boot_id and architecture are needed");
    }
    if (entitlement.architecture !== undefined && entitlement.architecture !== facts.architecture) {
      throw Refusal.forGood(
        "evidence-refused",
        `This evidence is for a machine of ${entitlement.architecture}, not ${facts.architecture}.`,
      );
    }
    const project = this.admit(entitlement);
    const known = this.of(project).find((machine) => machine.facts.bootId === facts.bootId);
    if (known !== undefined) return refuseIfTold(known);
    const id = `m-${randomBytes(5).toString("hex")}`;
    const machine = new Machine({ id, project, architecture: facts.architecture, facts, versions });
    this.#commits.make({ apply: () => this.#machines.set(id, machine), undo: () => this.#machines.delete(id) });
    return machine;
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

function refuseIfTold(machine: Machine): Machine {
  if (machine.refused) throw Refusal.forGood("machine-refused", `Machine ${machine.id} is refused.`);
  return machine;
}
