import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What Node has compiled of the package, a directory for each user: root's alone to write. The
 * package fills it as it is installed (postinst).
 */
const DIRECTORY = join(dirname(fileURLToPath(import.meta.url)), "../../compiled");

/**
 * From now on this process loads what is there already compiled; root's adds what is not. Node 20
 * compiles all that it loads.
 */
export function startFromCompiled(): void {
  const enable: unknown = Reflect.get(module, "enableCompileCache");
  if (typeof enable === "function" && existsSync(DIRECTORY)) Reflect.apply(enable, module, [DIRECTORY]);
}
