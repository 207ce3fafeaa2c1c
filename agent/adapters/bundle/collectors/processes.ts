import { readdir, readFile } from "node:fs/promises";
import type { Document } from "../collector.ts";

const FIELDS = ["Name", "State", "PPid", "Uid", "Threads", "VmRSS"];
const PROCESSES_MAX = 5_000;

/**
 * Every process that can be seen, by the kernel's name of it: what it was started with is its own
 * business.
 */
export function processes(): Document {
  return {
    kind: "document",
    path: "kernel/processes.txt",
    what: "processes by name, state, user and memory, without their arguments",
    maxBytes: 1024 * 1024,
    async *collect(signal) {
      const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).slice(0, PROCESSES_MAX);
      for (const pid of pids) {
        signal.throwIfAborted();
        const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
        const values = FIELDS.map((field) => `${field}=${valueOf(status, field)}`);
        if (status !== "") yield Buffer.from(`${pid} ${values.join(" ")}\n`);
      }
    },
  };
}

function valueOf(status: string, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1]?.replaceAll(/\s+/g, " ") ?? "";
}
