import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EXIT, SandboxFailure } from "../failure.ts";
import { inTree } from "../stack/tree.ts";

const GREETING = "Bonjour";

/** Arguments of `buildctl build` for the example in the tree. */
export function exampleArguments(options: {
  readonly busybox: string;
  readonly secretFile: string;
  readonly outputDir: string;
  readonly progress: "auto" | "plain";
}): readonly string[] {
  const example = inTree("sandbox/example");
  return [
    ...["build", "--frontend", "dockerfile.v0", "--progress", options.progress],
    ...["--local", `context=${example}`, "--local", `dockerfile=${example}`],
    ...["--local", `busybox=${dirname(options.busybox)}`, "--opt", "context:busybox=local:busybox"],
    ...["--opt", `build-arg:GREETING=${GREETING}`],
    ...["--secret", `id=signing-key,src=${options.secretFile}`],
    ...["--output", `type=local,dest=${options.outputDir}`],
  ];
}

/** The interfaces that a step saw, each once. */
export async function interfacesOfSteps(outputDir: string): Promise<readonly string[]> {
  const [, interfaces = ""] = (await readFile(join(outputDir, "facts.txt"), "utf8")).split("\n");
  return interfaces.split(" ").filter(Boolean);
}

/**
 * What was seen in the output, in words. @throws {SandboxFailure} at the first thing that is not as
 * it must be.
 */
export async function checkOutput(outputDir: string, secret: string): Promise<readonly string[]> {
  const read = (name: string): Promise<string> =>
    readFile(join(outputDir, name), "utf8").catch((cause: unknown) => {
      throw new SandboxFailure(EXIT.software, `The output has no ${name}.`, cause);
    });
  const [index, about] = [await read("index.html"), await read("about.html")];
  must(index.startsWith(`<h1>${GREETING}!</h1>`), "index.html carries the build argument", index);
  for (const [name, page] of [
    ["index.html", index],
    ["about.html", about],
  ] as const) {
    const expected = createHash("sha256").update(page).update(secret).digest("hex");
    must((await read(`${name}.sig`)).trim() === expected, `${name} is signed with the secret`, "another digest");
    must(!page.includes(secret), `${name} does not hold the secret`, "it does");
  }
  return [
    `index.html says "${GREETING}!", the build argument`,
    "both pages are signed with the secret, which is in neither",
  ];
}

function must(holds: boolean, what: string, found: string): asserts holds {
  if (!holds)
    throw new SandboxFailure(EXIT.software, `The output is not as it must be. Expected: ${what}. Found: ${found}`);
}
