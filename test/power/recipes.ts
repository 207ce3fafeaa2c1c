import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const LINES = 10_000;
const FILES = 4;

/**
 * Steps whose output is known before. A step that runs has its layer mounted over another one, and
 * the kernel syncs a file system when what lies over it is unmounted; a first step that only copies
 * has nothing below it, so that nobody syncs what it wrote.
 */
export interface Recipe {
  readonly name: string;
  readonly by: "run" | "copy";
}

/** A stage of a Dockerfile: the same steps are the same for BuildKit, however they are named. */
function stage({ name, by }: Recipe): readonly string[] {
  if (by === "copy") return [`FROM scratch AS ${name}`, `COPY ${name} /out`];
  const lines = FILE_NUMBERS.map((at) => `busybox seq 1 ${LINES} | busybox sed s/^/${name}-${at}-/ > /out/${at}`);
  const script = ["busybox mkdir /out", ...lines].join(" && ");
  return [
    `FROM scratch AS ${name}`,
    "COPY busybox /bin/busybox",
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
  ];
}

const FILE_NUMBERS = Array.from({ length: FILES }, (_, at) => at);

/** A Dockerfile whose result has a folder for each recipe. */
export function dockerfile(recipes: readonly Recipe[]): string {
  const copies = recipes.map(({ name }) => `COPY --from=${name} /out /${name}`);
  return [...recipes.flatMap(stage), "FROM scratch", ...copies].join("\n");
}

/** What those that copy find in the context. */
export async function layOut(context: string, recipes: readonly Recipe[]): Promise<void> {
  for (const { name, by } of recipes)
    if (by === "copy") {
      await mkdir(join(context, name), { recursive: true });
      for (const at of FILE_NUMBERS) await writeFile(join(context, name, String(at)), expected(name, at));
    }
}

/** What is wrong with an output; nothing where it is right, byte for byte. */
export async function faultsOf(outputDir: string, recipes: readonly Recipe[]): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const { name } of recipes)
    for (const at of FILE_NUMBERS) {
      const bytes = await readFile(join(outputDir, name, String(at))).catch(() => undefined);
      if (bytes === undefined) faults.push(`${name}/${at} is missing`);
      else if (digest(bytes) !== digest(expected(name, at)))
        faults.push(`${name}/${at} is wrong: ${bytes.length} bytes`);
    }
  return faults;
}

function expected(name: string, at: number): string {
  return Array.from({ length: LINES }, (_, line) => `${name}-${at}-${line + 1}\n`).join("");
}

function digest(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
