import { fstatSync, type Stats } from "node:fs";

/**
 * The descriptor that a variable names, if it is of the kind that it must be: what is not is
 * somebody else's file. Undefined where there is none.
 */
export function inherited(number: string | undefined, isMeant: (about: Stats) => boolean): number | undefined {
  if (number === undefined || !/^\d+$/.test(number)) return undefined;
  try {
    return isMeant(fstatSync(Number(number))) ? Number(number) : undefined;
  } catch {
    return undefined;
  }
}
