import { join } from "node:path";
import { FolderSpentTokens } from "../../../verifier/src/index.ts";
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
  const recalled = state.read();
  return {
    recalled,
    records: new RecordFiles(dir),
    openSpent: (now) => FolderSpentTokens.open(join(dir, "spent"), { now }),
    keep: (snapshot) => state.write(snapshot()),
    // Of a first start that was killed there are authorities and no state: they are used.
    recallAuthority: (name) => authorities.recall(name, recalled !== undefined),
    makeAuthority: (name, options) => authorities.make(name, options),
  };
}
