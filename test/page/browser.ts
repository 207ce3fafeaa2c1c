import { type Browser, chromium } from "playwright-core";
import { findCommand } from "../../tools/setup/commands.mjs";

const PROGRAM = "chromium-headless-shell";
const START_MS = 20_000;

/**
 * Debian's browser, without a window. Root has no sandbox of it, and shows it pages of ours only.
 * @returns why it cannot start, on a machine where somebody without privilege has no namespaces.
 */
export async function startBrowser(): Promise<Browser | string> {
  const isRoot = process.getuid?.() === 0;
  try {
    return await chromium.launch({
      executablePath: findCommand(PROGRAM) ?? PROGRAM,
      chromiumSandbox: !isRoot,
      timeout: START_MS,
    });
  } catch (failure) {
    if (isRoot) throw failure;
    return failure instanceof Error ? (failure.message.split("\n")[0] ?? "") : String(failure);
  }
}
