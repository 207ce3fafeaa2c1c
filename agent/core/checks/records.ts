import { type Check, failed, ok, unknown } from "./check.ts";

export const records: Check = {
  name: "records",
  title: "Session records",
  blocking: false,
  remedy: "The control plane has to acknowledge records, or this machine needs a larger disk for its state",
  evidence: ({ records }) => [
    records === undefined
      ? "the journal was not looked at yet"
      : `${records.waiting} waiting, ${records.dropped} dropped since the boot`,
  ],
  look({ records }) {
    if (records === undefined) return unknown("Their journal was not looked at yet");
    const { waiting, dropped } = records;
    if (dropped === 0) return ok(`${waiting} wait for the control plane's acknowledgement`);
    return failed(`${dropped} session records were dropped because the journal was full; ${waiting} wait`);
  },
};
