import { homedir } from "node:os";
import { join } from "node:path";

/** What is made once for all work trees of this user. */
export const cacheFolder = () =>
  join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "builder-agent", "tools");
