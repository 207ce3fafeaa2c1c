import type { Notice, PlatformName } from "../core/notices/notice.ts";

/** Finds out which platform gives this machine notices. */
export interface NoticeSource {
  /** Bounded: a machine of none of them knows it within half a minute. Ends early with `signal`. */
  find(signal: AbortSignal): Promise<FoundPlatform>;
}

export type FoundPlatform =
  | { readonly at: "none"; readonly because: string }
  | { readonly at: "here"; readonly platform: NoticePlatform };

export interface NoticePlatform {
  readonly name: PlatformName;
  /** Each is followed on its own: one that hangs keeps no other from its turn. */
  readonly lines: readonly NoticeLine[];
  /**
   * Says that what these announce may go ahead. Absent: this platform waits for nobody.
   * @throws {AgentError} "metadata.no-answer"
   */
  acknowledge?(ids: readonly string[], signal: AbortSignal): Promise<void>;
}

/** One question that is asked again and again. */
export interface NoticeLine {
  readonly name: string;
  /** Between two looks. One may take longer: a platform may hold its answer back for news. */
  readonly everyMs: number;
  /**
   * All that the platform announces to this machine now; none, where it announces nothing.
   * @throws {AgentError} "metadata.no-answer", "notices.not-understood"; or whatever `signal` was
   *   aborted with.
   */
  look(signal: AbortSignal): Promise<readonly Notice[]>;
}
