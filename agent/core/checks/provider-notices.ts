import { rfc3339 } from "../moment.ts";
import { MEANINGS } from "../notices/meanings.ts";
import { noticeInWords } from "../notices/notice-words.ts";
import { noticesIn } from "../notices/view.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** Of one machine; the rest is counted. */
const MOST_SHOWN = 5;

/**
 * Never blocks: what ends the machine does so by the order that it comes to. The rest is for
 * whoever places builds.
 */
export const providerNotices: Check = {
  name: "provider-notices",
  title: "Notices of the platform",
  blocking: false,
  remedy: "Place new builds on other machines. This one goes on: it is not ended by this notice",
  evidence({ notices: view }) {
    if (view.at === "looking") return ["whether a platform gives any was not found out yet"];
    if (view.at === "off") return [`nobody is asked: ${view.because}`];
    return [
      ...view.lines.map(({ name, heard, fault }) => {
        if (fault !== undefined) return `${name}: ${fault}`;
        return `${name}: ${heard === undefined ? "not answered yet" : `${heard.length} in force`}`;
      }),
      ...noticesIn(view)
        .slice(0, MOST_SHOWN)
        .map((notice) => `${notice.kind} heard at ${rfc3339(notice.heardAt.wallMs)}${idOf(notice.id)}`),
    ];
  },
  look({ notices: view }) {
    if (view.at === "looking") return unknown("Whether a platform gives any is not known yet");
    if (view.at === "off") return ok(`Nobody is asked: ${view.because}`);
    const told = noticesIn(view);
    if (told.length > 0) {
      const words = told.slice(0, MOST_SHOWN).map(noticeInWords).join("; ");
      const more = told.length > MOST_SHOWN ? `; and ${told.length - MOST_SHOWN} more` : "";
      const isEnding = told.some(({ kind }) => MEANINGS[kind].ends);
      return failed(`${words}${more}`, isEnding ? { remedy: ENDS } : {});
    }
    const faulty = view.lines.find(({ fault }) => fault !== undefined);
    if (faulty?.fault !== undefined) return failed(faulty.fault, { remedy: NOT_HEARD });
    if (view.lines.some(({ heard }) => heard === undefined)) return unknown("The platform has not answered yet");
    return ok("The platform announces nothing for this machine");
  },
};

const ENDS = "Place builds on other machines: this one ends in time, and closes its cache first";
const NOT_HEARD =
  "Without its notices this machine is ended without warning. notices.platform says which platform is asked; off asks none";

function idOf(id: string | undefined): string {
  return id === undefined ? "" : `, ${id.replaceAll(/[^\w.:-]/g, "?").slice(0, 64)}`;
}
