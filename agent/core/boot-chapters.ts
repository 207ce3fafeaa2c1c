/** A part of this process's start. Names are stable: the contract and `builder-agent status` use them. */
export interface BootChapter {
  readonly name: BootChapterName;
  /** Since the process began. */
  readonly beganMs: number;
  readonly tookMs: number;
}

export type BootChapterName = "register" | "attach" | "cache-volume" | "buildkit" | "gateway" | "ready";

/** What has been reached, in the order of the list: a chapter ends when its milestone is first seen. */
export interface Milestones {
  readonly registered: boolean;
  readonly desired: boolean;
  readonly cacheOpen: boolean;
  readonly buildkitReady: boolean;
  readonly gatewayServes: boolean;
  readonly ready: boolean;
}

/**
 * The chapters with those that ended by `nowMs` (since the process began). Each begins where what it needs had ended: the cache and BuildKit wait
 * for the control plane's word, BuildKit also for the cache; "ready" is the whole.
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
    const beganMs = after === undefined ? 0 : ended(after);
    if (!reached[milestone] || beganMs === undefined || ended(name) !== undefined) continue;
    found.push({ name, beganMs, tookMs: nowMs - beganMs });
  }
  return found.length === chapters.length ? chapters : found;
}

const ORDER: readonly { name: BootChapterName; milestone: keyof Milestones; after?: BootChapterName }[] = [
  { name: "register", milestone: "registered" },
  { name: "attach", milestone: "desired", after: "register" },
  { name: "cache-volume", milestone: "cacheOpen", after: "attach" },
  { name: "buildkit", milestone: "buildkitReady", after: "cache-volume" },
  { name: "gateway", milestone: "gatewayServes", after: "register" },
  { name: "ready", milestone: "ready" },
];
