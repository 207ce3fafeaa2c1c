import { parentGone } from "../adapters/launcher/parent-gone.ts";
import type { Cli } from "./cli.ts";

/** The same, but ended in a hurry as well when the launcher that started this process is gone. */
export function withParent(cli: Cli): Cli {
  const gone = parentGone(cli.environment);
  return { ...cli, stop: AbortSignal.any([cli.stop, gone]), hurry: AbortSignal.any([cli.hurry, gone]) };
}
