import { readFileSync } from "node:fs";
import type { WriteTry } from "../../core/cache-filesystem.ts";

/**
 * What `watch-cache` says of its tries, in a file on tmpfs: "<number> under-way", "<number>
 * written", "<number> refused <errno>". No file: nobody tries.
 */
export function reportedWrite(file: string): WriteTry {
  const [number, is, errno] = contentOf(file).trim().split(" ");
  if (number === undefined || number === "") return { is: "none" };
  if (is === "under-way" || is === "written") return { is, number };
  return is === "refused" ? { is, number, errno: errno ?? "EIO" } : { is: "none" };
}

/** In memory: the kernel answers at once. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
