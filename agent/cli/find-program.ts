import { accessSync, constants } from "node:fs";
import { isAbsolute, join } from "node:path";

/** Whether a configured program is there to be run: a path, or a name in `path`, which is $PATH. */
export function isInstalled(program: string, path: string | undefined): boolean {
  const places = isAbsolute(program) ? [program] : (path ?? "").split(":").map((directory) => join(directory, program));
  return places.some(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
