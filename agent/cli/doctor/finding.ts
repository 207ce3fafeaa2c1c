/** What one look found. */
export interface Found {
  /** "control-plane", "outside/tls" */
  readonly name: string;
  /** "unseen": nobody could look; neither well nor amiss. */
  readonly state: "fail" | "unseen" | "warn" | "ok";
  /** What is so, in one sentence. */
  readonly evidence: string;
  /** What to do, or to type, next; absent while there is nothing to do. */
  readonly next?: string;
  /** The check that explains this one. */
  readonly causedBy?: string;
}

/** The gravest first. */
const ORDER: readonly Found["state"][] = ["fail", "unseen", "warn", "ok"];

export function gravestFirst(found: readonly Found[]): readonly Found[] {
  return found.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}

export function counted(found: readonly Found[], state: Found["state"]): number {
  return found.filter((one) => one.state === state).length;
}
