/**
 * A part of this process's start. Names are stable: the contract and `builder-agent status` use
 * them.
 */
export interface BootChapter {
  readonly name: BootChapterName;
  /** Since the process began. */
  readonly beganMs: number;
  readonly tookMs: number;
}

export const BOOT_CHAPTERS = [
  "register",
  "attach",
  "cache-volume",
  "network",
  "buildkit",
  "isolation",
  "gateway",
  "ready",
] as const;

export type BootChapterName = (typeof BOOT_CHAPTERS)[number];

/**
 * What has been reached, in the order of the list: a chapter ends when its milestone is first seen.
 */
export interface Milestones {
  readonly registered: boolean;
  readonly desired: boolean;
  readonly cacheOpen: boolean;
  readonly networkGuarded: boolean;
  readonly isolationVerified: boolean;
  readonly buildkitReady: boolean;
  readonly gatewayServes: boolean;
  readonly ready: boolean;
}

/**
 * The chapters with those that ended by `nowMs` (since the process began). Each begins where all
 * that it needs had ended: the cache and the builds' network wait for the control plane's word,
 * BuildKit for both; "ready" is the whole.
 */
export function withEnded(
  chapters: readonly BootChapter[],
  reached: Milestones,
  nowMs: number,
): readonly BootChapter[] {
  const ended = (name: BootChapterName): number | undefined => {
    const chapter = found.find((other) => other.name === name);
    return chapter && chapter.beganMs + chapter.tookMs;
  };
  const found = [...chapters];
  for (const { name, milestone, after } of ORDER) {
    const needed = after.map(ended).filter((ms) => ms !== undefined);
    if (!reached[milestone] || needed.length < after.length || ended(name) !== undefined) continue;
    const beganMs = Math.max(0, ...needed);
    found.push({ name, beganMs, tookMs: nowMs - beganMs });
  }
  return found.length === chapters.length ? chapters : found;
}

const ORDER: readonly {
  readonly name: BootChapterName;
  readonly milestone: keyof Milestones;
  readonly after: readonly BootChapterName[];
}[] = [
  { name: "register", milestone: "registered", after: [] },
  { name: "attach", milestone: "desired", after: ["register"] },
  { name: "cache-volume", milestone: "cacheOpen", after: ["attach"] },
  { name: "network", milestone: "networkGuarded", after: ["attach"] },
  { name: "buildkit", milestone: "buildkitReady", after: ["cache-volume", "network"] },
  { name: "isolation", milestone: "isolationVerified", after: ["network"] },
  { name: "gateway", milestone: "gatewayServes", after: ["register"] },
  { name: "ready", milestone: "ready", after: [] },
];
