import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { beforeEach } from "vitest";

const NEEDED = ["ip", "nft", "nsenter", "setpriv", "unshare"] as const;

/** Why no network of our own can be made here; undefined when one can. */
export function whyNoNamespace(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const missing = NEEDED.filter((name) => !isOnPath(name));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** Skips each test of the file, with the reason, where no network of our own can be made. */
export function needsNamespaces(): void {
  beforeEach(({ skip }) => {
    const why = whyNoNamespace();
    if (why !== undefined) skip(why);
  });
}

function isOnPath(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
