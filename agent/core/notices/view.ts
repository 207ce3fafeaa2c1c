import type { HeardNotice, PlatformName } from "./notice.ts";

/** What is known of the platform's notices. */
export type NoticesView =
  /** Whether there is a platform that gives any is not known yet. */
  | { readonly at: "looking" }
  /** Nobody is asked, and why. */
  | { readonly at: "off"; readonly because: string }
  | {
      readonly at: "heeding";
      readonly platform: PlatformName;
      /** By the line's name, in their order. Absent: it has not answered yet. */
      readonly lines: readonly NoticeLineView[];
    };

/** One question that a platform is asked again and again. */
export interface NoticeLineView {
  readonly name: string;
  /** The last true answer; undefined: there was none yet. */
  readonly heard?: readonly HeardNotice[];
  /** Why the last look brought nothing. */
  readonly fault?: string;
}

/** All that holds now. */
export function noticesIn(view: NoticesView): readonly HeardNotice[] {
  return view.at === "heeding" ? view.lines.flatMap(({ heard = [] }) => heard) : [];
}
