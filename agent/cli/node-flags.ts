/**
 * How Node runs our processes; a service manager's units need the same.
 * - A young generation of 1 MiB instead of 16. Measured with Node 20: the gateway with 200 idle
 *   sessions has 79 MB resident instead of 96, and after
 *   a bulk transfer 88 instead of 120; control has 85 instead of 103.
 * - For control, a heap of 256 MiB at most: what Node takes by itself in a unit of 512 MiB
 *   (measured: 259). Without a unit V8 would put off collecting until gigabytes are there: floods
 *   of a hostile control plane took control to 500 MB.
 */
export const NODE_FLAGS = {
  gateway: ["--max-semi-space-size=1"],
  control: ["--max-semi-space-size=1", "--max-old-space-size=256"],
  terminal: ["--max-semi-space-size=1"],
  /** What units have root do for control, each for a moment. */
  order: ["--max-semi-space-size=1"],
  /** Of what a person calls: a bundle of many logs costs 20 MB instead of 60 (Node 24). */
  command: ["--max-semi-space-size=1", "--optimize-for-size"],
} as const;

/**
 * No SIGUSR1 opens a debugger, not even while Node starts; it ends the process then, as any signal
 * that nobody listens to yet. Node 20 does not know it: there a debugger may be open until
 * `ownSignals` closes it, before the process has a secret.
 */
export const NO_DEBUGGER = "--disable-sigusr1";

/** For a child that runs on our own Node. */
export function nodeFlags(process_: keyof typeof NODE_FLAGS): readonly string[] {
  const isKnown = process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER);
  return [...(isKnown ? [NO_DEBUGGER] : []), ...NODE_FLAGS[process_]];
}
