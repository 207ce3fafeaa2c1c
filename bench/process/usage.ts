import { readFile } from "node:fs/promises";

/** USER_HZ: what /proc counts in on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const UTIME = 11;
const STIME = 12;

/** Seconds of processor time of all threads so far, proc_pid_stat(5). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The second field, a name in brackets, may hold anything; what follows it starts with the third.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND;
}

/** A process's memory, in bytes: proc_pid_smaps(5), summed up. */
export interface Memory {
  readonly resident: number;
  /** Pages that n processes share count as 1/n. */
  readonly pss: number;
  /** In no other process: what it has written, and what it alone has read of a file. */
  readonly private: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1]) * 1024;
  return { resident: bytes("Rss"), pss: bytes("Pss"), private: bytes("Private_Clean") + bytes("Private_Dirty") };
}

/** Resident memory alone. */
export async function residentBytes(pid: number): Promise<number> {
  return (await memoryOf(pid)).resident;
}
