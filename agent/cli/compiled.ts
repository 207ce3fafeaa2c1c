import { existsSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

/**
 * What Node has compiled of the package, a directory for each user: root's alone to write. The
 * package fills it as it is installed (postinst).
 */
const DIRECTORY = fileURLToPath(new URL("../../compiled", import.meta.url));

/** Node 22 has it; before that a process compiles all that it loads. */
const { enableCompileCache } = module as { readonly enableCompileCache?: (directory: string) => unknown };

/** From now on this process loads what is there already compiled; root's adds what is not. */
export function startFromCompiled(): void {
  if (existsSync(DIRECTORY)) enableCompileCache?.(DIRECTORY);
}
