import { access, constants, stat } from "node:fs/promises";
import { join } from "node:path";

/** Where the units look beside PATH (systemd/): a person's PATH may lack the sbin folders. */
const UNITS_FOLDERS = ["/usr/lib/builder-agent/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The file of a program by its path or its name; undefined: there is none that can be run. */
export async function findProgram(program: string, path: string | undefined): Promise<string | undefined> {
  const folders = [...(path ?? "").split(":").filter((folder) => folder.startsWith("/")), ...UNITS_FOLDERS];
  const candidates = program.startsWith("/") ? [program] : folders.map((folder) => join(folder, program));
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
