/** Which customer's project. */
export interface ProjectRef {
  readonly org: string;
  readonly project: string;
}

/** What a proof entitles to: a machine of this project, of this architecture if one is named. */
export interface Entitlement extends ProjectRef {
  /** As Go names it: "amd64", "arm64". Absent: whatever the machine says. */
  readonly architecture?: string;
}

export function projectName(ref: ProjectRef): string {
  return `${ref.org}/${ref.project}`;
}
