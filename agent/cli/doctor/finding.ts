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

const ORDER: readonly Found["state"][] = ["fail", "unseen", "warn", "ok"];

/** Causes before what they explain, and of each the gravest first. */
export function gravestFirst(found: readonly Found[]): readonly Found[] {
  const rank = (one: Found): number => ORDER.indexOf(one.state) + (isExplained(one, found) ? 0.5 : 0);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

/** One cause counts once: what another finding explains is no trouble of its own. */
export function counted(found: readonly Found[], state: Found["state"]): number {
  return found.filter((one) => one.state === state && !isExplained(one, found)).length;
}

export function explained(found: readonly Found[]): number {
  return found.filter((one) => isExplained(one, found)).length;
}

function isExplained({ state, causedBy }: Found, found: readonly Found[]): boolean {
  return state !== "ok" && found.some((one) => one.name === causedBy && one.state !== "ok");
}
