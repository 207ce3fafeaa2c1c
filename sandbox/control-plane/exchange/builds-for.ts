import type { BuildOrder, CertifiedBuild } from "../builds.ts";
import type { Change } from "../change.ts";
import type { Fleet } from "../fleet.ts";
import { type ProjectRef, projectName } from "../project-ref.ts";

export interface PlacedBuild extends CertifiedBuild {
  readonly serverName: string;
}

/** What the exchange asks of its control plane. */
export interface BuildsOfPlane {
  open(csrDer: Uint8Array, order: BuildOrder, signal: AbortSignal): Promise<PlacedBuild>;
  end(buildId: string): Change;
  revoke(buildId: string): Change;
  isOpen(buildId: string): boolean;
  hasMachine(ref: ProjectRef): boolean;
}

/** As much of a control plane as opens and closes builds. */
interface Plane {
  openBuildFor(csrDer: Uint8Array, order: BuildOrder, signal: AbortSignal): Promise<PlacedBuild>;
  endBuild(buildId: string): Change;
  revokeBuild(buildId: string): Change;
}

/** The exchange's view of a control plane. */
export function buildsFor(plane: Plane, fleet: Fleet): BuildsOfPlane {
  return {
    open: (csrDer, order, signal) => plane.openBuildFor(csrDer, order, signal),
    end: (buildId) => plane.endBuild(buildId),
    revoke: (buildId) => plane.revokeBuild(buildId),
    isOpen: (buildId) => fleet.projects().some((project) => project.isOpen(buildId)),
    hasMachine: (ref) =>
      fleet.machines().some(({ link, project }) => link !== undefined && projectName(project.ref) === projectName(ref)),
  };
}
