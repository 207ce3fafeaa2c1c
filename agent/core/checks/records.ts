import { ageMs } from "../instant.ts";
import { rfc3339 } from "../moment.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

/** A control plane that stores them acknowledges within a second or two. */
const OWED_MS = 8_000;

const ROOM = "Make room on the disk of this machine's state (paths.stateDir), or give it a larger one";
const ACKNOWLEDGE = "The control plane has to acknowledge records: its authors have to mend that";

/** The gravest first: what is not on disk is lost with the gateway's process. */
export const records: Check = {
  name: "records",
  title: "Session records",
  blocking: false,
  dependsOn: ["machine-certificate", "control-plane-view"],
  remedy: ACKNOWLEDGE,
  evidence: ({ records: view, plane: { recordsSentAt } }) => [
    view === undefined
      ? "the journal was not looked at yet"
      : `${view.waiting} waiting, ${view.dropped} dropped since the boot`,
    ...(recordsSentAt === undefined ? [] : [`the oldest was sent at ${rfc3339(recordsSentAt.wallMs)}`]),
    ...(view?.notStored === undefined ? [] : [`the disk took none at the last try: ${view.notStored}`]),
  ],
  look({ records: view, plane: { recordsSentAt, heardAt } }) {
    if (view === undefined) return unknown("Their journal was not looked at yet");
    const { waiting, dropped, notStored } = view;
    if (notStored !== undefined)
      return failed(`Session records cannot be stored, and wait in the gateway's memory: ${notStored}`, {
        remedy: ROOM,
      });
    // It spoke since: one that is silent altogether is no matter of records.
    if (recordsSentAt !== undefined && heardAt !== undefined && ageMs(recordsSentAt, heardAt) > OWED_MS)
      return failed(
        `The control plane has not acknowledged ${inWords(waiting)} that it was sent at ${rfc3339(recordsSentAt.wallMs)}; they are sent again every 30 s`,
      );
    if (dropped > 0)
      return failed(`Dropped because the journal was full: ${inWords(dropped)}; ${waiting} wait`, {
        remedy: `${ACKNOWLEDGE}. What was dropped is lost`,
      });
    return ok(waiting === 0 ? "All are acknowledged" : `${waiting} wait for the control plane's acknowledgement`);
  },
};

function inWords(count: number): string {
  return count === 1 ? "a session record" : `${count} session records`;
}
