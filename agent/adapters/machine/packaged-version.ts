import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { anyText, fromJson, guarded, object, shapeOf } from "../../wire/fields.ts";

/** What the package brings, with versions (tools/image/bom/package-bom.mjs). */
const MANIFEST = "/usr/share/builder-agent/package.json";

const manifestOf = object({ programs: guarded(isRecord) });
const programOf = shapeOf(object({ version: anyText, path: anyText }));

/**
 * "v0.33.1" of a program that the package brought, by name or path, as the package has it: to ask
 * the program itself costs a boot 25 ms of a core. Undefined where it is another's, or was changed:
 * all files of a package are of one time.
 */
export function packagedVersion(
  program: string,
  {
    manifest = MANIFEST,
    path = process.env["PATH"] ?? "",
  }: { readonly manifest?: string; readonly path?: string } = {},
): string | undefined {
  try {
    const places = program.includes("/") ? [program] : path.split(":").map((folder) => join(folder, program));
    const file = places.find((place) => existsSync(place));
    if (file === undefined || statSync(file).mtimeMs !== statSync(manifest).mtimeMs) return undefined;
    const { programs } = fromJson(manifestOf, readFileSync(manifest, "utf8"));
    for (const one of Object.values(programs).map((told) => programOf.safeParse(told)))
      if (one.success && one.data.path === file) return `v${one.data.version}`;
    return undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
