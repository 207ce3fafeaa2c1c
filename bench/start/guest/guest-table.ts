import { median } from "../../report/statistics.ts";
import { aligned } from "../../report/table.ts";
import type { GuestBoot } from "./guest-boot.ts";

/** Markdown. In shares, since an emulated processor has no speed to be compared. */
export function guestTable(boots: readonly GuestBoot[]): string {
  const share = (values: readonly number[]): string => `${(100 * median(values)).toFixed(0)} %`;
  const rows = (boots[0]?.chapters ?? []).map(({ name }) => {
    const found = boots.flatMap(({ totalMs, chapters }) =>
      chapters.filter((one) => one.name === name).map((one) => ({ ...one, totalMs })),
    );
    const began = share(found.map(({ beganMs, totalMs }) => beganMs / totalMs));
    return [name, began, share(found.map(({ tookMs, totalMs }) => tookMs / totalMs))];
  });
  const ready = boots.map(({ totalMs }) => totalMs.toFixed(0)).join(" and ");
  return aligned([[`emulated, ready after ${ready} ms: chapter`, "began at", "took"], ...rows]);
}
