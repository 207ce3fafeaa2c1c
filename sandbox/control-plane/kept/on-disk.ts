import { AuthorityFiles } from "./authority-files.ts";
import type { Keeper } from "./keeper.ts";
import { RecordFiles } from "./record-files.ts";
import { StateFile } from "./state-file.ts";

/**
 * Keeps a control plane in a directory, which must be one process's alone.
 * @throws {SandboxFailure} when what is there cannot be read, is damaged, or is of a newer release.
 */
export function keeperIn(dir: string): Keeper {
  const state = new StateFile(dir);
  const authorities = new AuthorityFiles(dir);
  return {
    recalled: state.read(),
    records: new RecordFiles(dir),
    keep: (snapshot) => state.write(snapshot()),
    authority: (name, options) => authorities.readOrMake(name, options),
  };
}
