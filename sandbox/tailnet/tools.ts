import { access, readFile } from "node:fs/promises";
import { z } from "zod";
import { EXIT, SandboxFailure } from "../failure.ts";
import { inTree } from "../stack/tree.ts";

const schema = z.object({
  headscale: z.string(),
  derper: z.string(),
  tailscale: z.string(),
  tailscaled: z.string(),
});

/** Absolute paths of what a tailnet of our own is made of. */
export type TailnetTools = z.infer<typeof schema>;

/** @throws {SandboxFailure} when they have not been built. */
export async function readTailnetTools(): Promise<TailnetTools> {
  try {
    const tools = schema.parse(JSON.parse(await readFile(inTree("dist/toolchain.json"), "utf8")));
    await Promise.all(Object.values(tools).map((path) => access(path)));
    return tools;
  } catch (cause) {
    const message = 'What a tailnet is made of is not all there: run "npm run setup -- tailnet" first (minutes, once).';
    throw new SandboxFailure(EXIT.unavailable, message, cause);
  }
}
