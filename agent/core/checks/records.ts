import { type Check, failed, ok } from "./check.ts";

export const records: Check = {
  name: "records",
  title: "Session records",
  blocking: false,
  remedy: "The control plane has to acknowledge records, or this machine needs a larger disk for its state",
  look({ records: { waiting, dropped } }) {
    if (dropped === 0) return ok(`${waiting} wait for the control plane's acknowledgement`);
    return failed(`${dropped} session records were dropped because the journal was full; ${waiting} wait`);
  },
};
