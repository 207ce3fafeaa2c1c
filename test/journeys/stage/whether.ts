import { existsSync, readFileSync } from "node:fs";
import { beforeEach } from "vitest";
import { inTree } from "../../../sandbox/stack/tree.ts";

const NEEDED = ["buildkitd", "buildctl", "bbolt", "runc", "busybox", "cniPtp"] as const;
const TOOLCHAIN = inTree("dist/toolchain.json");

/** Absolute path of a program that set-up has found or built; undefined if it has not. */
export function toolPath(name: string): string | undefined {
  if (!existsSync(TOOLCHAIN)) return undefined;
  // Written by set-up: names and paths.
  const path = (JSON.parse(readFileSync(TOOLCHAIN, "utf8")) as Record<string, string>)[name];
  return path !== undefined && existsSync(path) ? path : undefined;
}

/**
 * Why no real builder can run here; undefined when one can. @throws {Error} where this machine has
 * not been set up.
 */
export function whyNoStage(): string | undefined {
  if (process.getuid?.() !== 0) return "a real builder needs root";
  const missing = NEEDED.filter((name) => toolPath(name) === undefined);
  if (missing.length > 0)
    throw new Error(`Not set up: ${missing.join(", ")}. Run node tools/setup.mjs test, as npm test does.`);
  return undefined;
}

/** Skips each test of the file, with the reason, where no real builder can run. */
export function needsStage(): void {
  beforeEach(({ skip }) => {
    const why = whyNoStage();
    if (why !== undefined) skip(why);
  });
}
