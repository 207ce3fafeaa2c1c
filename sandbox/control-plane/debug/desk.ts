import type { Change } from "../change.ts";
import type { Project, Wishes } from "../project.ts";
import type { ProjectRef } from "../project-ref.ts";
import { type GrantOrder, type GrantSigner, grantOf } from "./grants.ts";
import { Recordings } from "./recordings.ts";
import type { TerminalLine } from "./terminal-line.ts";
import { Terminals } from "./terminals.ts";

export interface DeskParts {
  readonly now: () => number;
  readonly changed: () => void;
  readonly projectOf: (ref: ProjectRef) => Project;
  /** Makes it known, if it is not. */
  readonly admit: (ref: ProjectRef) => Project;
  readonly wish: (ref: ProjectRef, wishes: Wishes) => Change;
}

/** Where debug terminals are granted, watched and recorded. */
export class DebugDesk {
  readonly terminals: Terminals;
  readonly recordings: Recordings;
  readonly #parts: DeskParts;
  readonly #signers = new Map<Project, GrantSigner>();

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.terminals = new Terminals(parts.now, parts.changed);
    this.recordings = new Recordings(
      (machine, grantId) => this.terminals.of(grantId, machine.id).machineId === machine.id,
      parts.changed,
    );
  }

  /** From now on this project's machines take only grants that it signs: before they register. */
  signWith(ref: ProjectRef, signer: GrantSigner): void {
    const project = this.#parts.admit(ref);
    project.debugGrantKey = signer.publicKey;
    this.#signers.set(project, signer);
    project.touch();
  }

  /** Grants one person one terminal on a machine of the project, signed where it signs. */
  grant(ref: ProjectRef, order: GrantOrder): TerminalLine {
    const { now, projectOf, wish } = this.#parts;
    const project = projectOf(ref);
    const unsigned = grantOf(order, now());
    const grant = this.#signers.get(project)?.sign(unsigned) ?? unsigned;
    const line = this.terminals.of(grant.grantId, order.machineId);
    const kept = (project.wishes.debugGrants ?? []).filter(({ endsAt }) => (endsAt?.getTime() ?? 0) > now());
    wish(ref, { debugGrants: [...kept, grant] });
    return line;
  }

  withdraw(ref: ProjectRef, grantId: string): Change {
    const { projectOf, wish } = this.#parts;
    const kept = (projectOf(ref).wishes.debugGrants ?? []).filter((grant) => grant.grantId !== grantId);
    return wish(ref, { debugGrants: kept });
  }
}
