import { type RunOptions, run } from "./command.ts";
import type { NetworkPlace } from "./place.ts";

/** The network that another process is in, for as long as that runs. Needs root. */
export function placeOf(pid: number, name: string): NetworkPlace {
  const enter = (command: string, args: readonly string[] = []) => ({
    command: "nsenter",
    args: [`--net=/proc/${pid}/ns/net`, "--", command, ...args],
  });
  return {
    name,
    pid,
    enter,
    run: (command: string, args: readonly string[], options?: RunOptions) => {
      const entered = enter(command, args);
      return run(entered.command, entered.args, options);
    },
  };
}
